// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/made_code.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <span>
#include <string_view>

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
constinit Descriptors g_descriptors;

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
  const ProcessLock::Guard guard(g_finding, kLongestWaitMs);
  if (!guard.is_held()) return {};
  const std::uint64_t now = object_generation();
  if (g_descriptors.generation != now || now == 0) g_descriptors = find_descriptors(now);
  return g_descriptors;
}

// Calls use(memory, code) with the code at `pc`, and returns what it gave if the code is still registered then. Not inlined: the buffers
// are large.
template <typename Use>
[[gnu::noinline]] auto with_code(Address pc, Use use)
    -> decltype(use(WideMemory{}, runt::JitCode{})) {
  const Descriptors all = descriptors();
  for (const Address descriptor : std::span(all.at).first(all.count)) {
    const WideMemory memory;
    const auto code = runt::find_jit_code(memory, descriptor, pc);
    if (!code) continue;
    auto found = use(memory, *code);
    if (runt::is_still_registered(memory, descriptor, *code)) return found;
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

}  // namespace

std::optional<elf::UnwindRule> rule_of_made_code(Address pc) {
  auto rule = with_code(pc, [pc](const WideMemory& memory, const runt::JitCode& code) {
    auto found = runt::jit_rule_of(memory, code, pc);
    return found && !needs_expression(*found) ? found : std::nullopt;
  });
  if (rule) rule->common_entry = rule->function_entry = {};
  return rule;
}

std::optional<query::MadeCode> made_code_at(Address pc) {
  char name[kLongestName];
  const auto registered = with_code(pc, [&](const WideMemory& memory, const runt::JitCode& code) {
    // Twice: a file that was given up and registered anew at its old place has the same entry, but may have been read half written.
    char again[kLongestName];
    const bool is_named = runt::jit_name_of(memory, code, pc, name) &&
                          runt::jit_name_of(memory, code, pc, again) &&
                          std::string_view(name) == again;
    return std::optional(
        query::MadeCode{.function = is_named ? name : nullptr,
                        .source = "[jit]",
                        .evidence = is_named ? unsigned{ALLOC_EV_ELF_SYMBOL} : 0u});
  });
  if (registered && registered->function != nullptr) {
    auto code = *registered;
    code.function = keep_text(name);
    return code;
  }
  if (const char* told = name_in_perf_map(pc)) {
    return query::MadeCode{.function = told, .source = "[perf map]", .evidence = ALLOC_EV_PERF_MAP};
  }
  return registered;
}

}  // namespace allocs::self
