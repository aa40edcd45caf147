// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "elf/eh_frame.h"
#include "elf/symbols.h"
#include "runt/jit_code.h"
#include "runt/remote/object_table.h"
#include "runtime/metadata/find_image.h"
#include "runtime/metadata/mapped_file.h"
#include "runtime/query/process.h"
#include "tools/allocs/perf_map_file.h"

namespace allocs::tool {

// Code of another process, or of a core, that lies in no loaded object: what the program registered with gdb's JIT interface
// (runt/jit_code.h), or, of a live process, told perf of (runt/perf_map.h). Objects are searched for the interface's descriptor when code
// is asked about for the first time. Holds references to what it is given.
template <Memory M>
class RemoteMadeCode {
 public:
  // Where an object's file can be opened.
  using PathOf = std::function<std::string(const runt::remote::LoadedObject&)>;

  RemoteMadeCode(const M& memory, const runt::remote::ObjectTable& objects, int pid, PathOf path_of)
      : memory_(memory), objects_(objects), pid_(pid), path_of_(std::move(path_of)) {}

  std::optional<elf::UnwindRule> rule_of(Address pc) const {
    const auto code = find(pc);
    return code ? runt::jit_rule_of(memory_, *code, pc) : std::nullopt;
  }

  std::optional<query::MadeCode> at(Address pc) const {
    const auto code = find(pc);
    char name[512];
    if (code && runt::jit_name_of(memory_, *code, pc, name))
      return query::MadeCode{
          .function = keep(name), .source = "[jit]", .evidence = ALLOC_EV_ELF_SYMBOL};
    if (pid_ != 0) {
      if (const auto told = name_in_perf_map(pid_, pc))
        return query::MadeCode{
            .function = keep(*told), .source = "[perf map]", .evidence = ALLOC_EV_PERF_MAP};
    }
    if (!code) return std::nullopt;
    return query::MadeCode{.function = nullptr, .source = "[jit]", .evidence = 0};
  }

 private:
  std::optional<runt::JitCode> find(Address pc) const {
    if (!descriptors_) find_descriptors();
    for (const Address descriptor : *descriptors_) {
      if (const auto code = runt::find_jit_code(memory_, descriptor, pc)) return code;
    }
    return std::nullopt;
  }

  void find_descriptors() const {
    descriptors_.emplace();
    for (const auto& object : objects_.all()) {
      const auto file = metadata::map_file(path_of_(object).c_str());
      if (!file) continue;
      const elf::BuildId own = metadata::build_id_of(*file);
      const elf::BuildId& wanted = object.module.build_id;
      if (std::ranges::equal(std::span(own.bytes, own.size),
                             std::span(wanted.bytes, wanted.size))) {
        const elf::SymbolTable symbols(elf::File(file->bytes, file->size));
        const auto symbol = symbols.named(runt::kJitDescriptorName);
        if (symbol && symbol->type == STT_OBJECT && symbol->size >= sizeof(runt::JitDescriptor))
          descriptors_->push_back(symbol->value + object.module.bias);
      }
      metadata::unmap(*file);
    }
  }

  const char* keep(std::string text) const {
    return names_.try_emplace(text, text).first->second.c_str();
  }

  const M& memory_;
  const runt::remote::ObjectTable& objects_;
  int pid_;  // 0: a core
  PathOf path_of_;
  mutable std::optional<std::vector<Address>> descriptors_;
  mutable std::map<std::string, std::string> names_;
};

// A runt::RuleSource: the rules of loaded objects, and of code that the program made.
template <Memory M>
class RemoteRules {
 public:
  RemoteRules(const M& memory, const runt::remote::ObjectTable& objects,
              const RemoteMadeCode<M>& made_code)
      : memory_(memory), objects_(objects), made_code_(made_code) {}
  std::optional<elf::UnwindRule> rule_of(Address pc) const {
    if (objects_.find(pc) == nullptr) return made_code_.rule_of(pc);
    const auto section = objects_.eh_frame_of(pc);
    return section ? elf::find_unwind_rule(memory_, *section, pc) : std::nullopt;
  }

 private:
  const M& memory_;
  const runt::remote::ObjectTable& objects_;
  const RemoteMadeCode<M>& made_code_;
};

}  // namespace allocs::tool
