// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/made_code.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <span>
#include <string_view>

#include "base/every_process.h"
#include "elf/symbols.h"
#include "runt/jit_code.h"
#include "runtime/allocators/module_recorder.h"
#include "runtime/allocators/state.h"
#include "runtime/index/tables.h"
#include "runtime/metadata/find_image.h"
#include "runtime/metadata/mapped_file.h"
#include "runtime/self/checked_memory.h"
#include "runtime/self/known_objects.h"
#include "runtime/self/lock.h"
#include "runtime/self/memory.h"
#include "runtime/self/object_file.h"
#include "runtime/self/perf_map_file.h"
#include "runtime/self/stopped_threads.h"

namespace allocs::self {

namespace {

// As long as the longest record of .eh_frame that is read.
using WideMemory = CheckedViews<2048>;

constexpr unsigned kLongestWaitMs = 2000;
constexpr std::size_t kMostDescriptors = 16;
constexpr std::size_t kLongestName = 512;

struct Descriptors {
  std::uint64_t generation = 0;  // of the set of loaded objects that they are of
  std::size_t count = 0;
  std::array<Address, kMostDescriptors> at{};
};

// Written and read under the lock.
constinit ProcessLock g_finding;
ALLOCS_APART constinit Descriptors g_descriptors;

// Where an object has its descriptor, by the symbols in its file, as gdb finds it.
std::optional<Address> find_descriptor(const index::ModuleRecord& module) {
  const auto file = metadata::map_file(file_to_open(module));
  if (!file) return std::nullopt;
  const elf::BuildId id = metadata::build_id_of(*file);
  const bool is_it = module.build_id_size == 0 ||
                     std::ranges::equal(std::span(id.bytes, id.size),
                                        std::span(module.build_id).first(module.build_id_size));
  std::optional<Address> found;
  if (is_it) {
    const elf::SymbolTable symbols(elf::File(file->bytes, file->size));
    const auto symbol = symbols.named(runt::kJitDescriptorName);
    if (symbol && symbol->type == STT_OBJECT && symbol->size >= sizeof(runt::JitDescriptor))
      found = symbol->value + LoadBias{module.bias};
  }
  metadata::unmap(*file);
  return found;
}

Descriptors find_descriptors(std::uint64_t generation) {
  Descriptors found{.generation = generation};
  index::for_each_module(TrustedMemory{}, allocators::g_root,
                         [&](const index::ModuleRecord& module) {
                           if (module.state != index::ModuleState::loaded) return true;
                           if (const auto at = find_descriptor(module))
                             found.at[found.count++] = *at;
                           return found.count < kMostDescriptors;
                         });
  return found;
}

Descriptors descriptors() {
  allocators::refresh_modules();
  const ProcessLock::Guard guard(g_finding, patience(kLongestWaitMs));
  if (!guard.is_held()) return {};
  const std::uint64_t now = object_generation();
  if (g_descriptors.generation != now || now == 0) g_descriptors = find_descriptors(now);
  return g_descriptors;
}

// What read(memory, code) gives for the code at `pc`: twice the same, and the code still registered in between. For a file that was given up
// and registered anew at its old place has the same entry, and may be read half written. Not inlined: the buffers are large.
template <typename Read, typename IsSame>
[[gnu::noinline]] auto read_code(Address pc, Read read, IsSame is_same)
    -> decltype(read(WideMemory{}, runt::JitCode{})) {
  const Descriptors all = descriptors();
  for (const Address descriptor : std::span(all.at).first(all.count)) {
    const WideMemory memory;
    const auto code = runt::find_jit_code(memory, descriptor, pc);
    if (!code) continue;
    auto found = read(memory, *code);
    if (!runt::is_still_registered(memory, descriptor, *code)) continue;
    const auto again = read(memory, *code);
    if (found && again && is_same(*found, *again)) return found;
  }
  return {};
}

bool needs_expression(const elf::UnwindRule& rule) {
  if (rule.cfa_is_expression) return true;
  for (unsigned which = 0; which < elf::kRegisterCount; ++which) {
    const elf::Saved how = rule.how_saved(which);
    if (how == elf::Saved::at_expression || how == elf::Saved::is_expression) return true;
  }
  return false;
}

// Of rules without expressions.
bool is_same_rule(const elf::UnwindRule& a, const elf::UnwindRule& b) {
  if (a.cfa_register != b.cfa_register || a.cfa_offset != b.cfa_offset ||
      a.specified != b.specified || a.function != b.function ||
      a.is_signal_frame != b.is_signal_frame || a.return_register != b.return_register)
    return false;
  for (unsigned which = 0; which < elf::kRegisterCount; ++which) {
    if (a.specifies(which) && (a.how[which] != b.how[which] || a.where[which] != b.where[which]))
      return false;
  }
  return true;
}

struct CodeName {
  char text[kLongestName];  // empty: the file does not tell
};

}  // namespace

std::optional<elf::UnwindRule> rule_of_made_code(Address pc) {
  auto rule = read_code(
      pc,
      [pc](const WideMemory& memory, const runt::JitCode& code) {
        auto found = runt::jit_rule_of(memory, code, pc);
        return found && !needs_expression(*found) ? found : std::nullopt;
      },
      is_same_rule);
  if (rule) rule->common_entry = rule->function_entry = {};
  return rule;
}

std::optional<query::MadeCode> made_code_at(Address pc) {
  const auto name = read_code(
      pc,
      [pc](const WideMemory& memory, const runt::JitCode& code) {
        std::optional<CodeName> read(std::in_place);
        runt::jit_name_of(memory, code, pc, read->text);
        return read;
      },
      [](const CodeName& a, const CodeName& b) { return std::string_view(a.text) == b.text; });
  if (name && name->text[0] != '\0') {
    return query::MadeCode{
        .function = keep_text(name->text), .source = "[jit]", .evidence = ALLOC_EV_ELF_SYMBOL};
  }
  if (const char* told = name_in_perf_map(pc)) {
    return query::MadeCode{.function = told, .source = "[perf map]", .evidence = ALLOC_EV_PERF_MAP};
  }
  if (!name) return std::nullopt;
  return query::MadeCode{.function = nullptr, .source = "[jit]", .evidence = 0};
}

}  // namespace allocs::self
