// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "runt/auxv.h"
#include "runt/link_map.h"
#include "runt/module.h"

namespace allocs::runt::remote {

// One loaded object of another process.
struct LoadedObject {
  Module module;
  std::string name;              // as the loader has it; of the executable: AT_EXECFN; "[vdso]"
  Address link_map{};            // its entry in the loader's list; 0: it is not there
  unsigned namespace_index = 0;  // 0: the base one
};

// The loaded objects of a process, by address. Plain values: stays valid when the memory goes.
class ObjectTable {
 public:
  ObjectTable() = default;
  explicit ObjectTable(std::vector<LoadedObject> objects, bool is_whole)
      : objects_(std::move(objects)), is_whole_(is_whole) {
    std::sort(objects_.begin(), objects_.end(), [](const auto& a, const auto& b) {
      return a.module.range.begin < b.module.range.begin;
    });
  }
  const std::vector<LoadedObject>& all() const { return objects_; }
  bool is_whole() const { return is_whole_; }  // the loader's lists could be read to their ends

  const LoadedObject* find(Address address) const {
    const auto after = std::upper_bound(
        objects_.begin(), objects_.end(), address,
        [](Address a, const auto& object) { return a < object.module.range.begin; });
    if (after == objects_.begin()) return nullptr;
    const LoadedObject& object = *(after - 1);
    return object.module.range.contains(address) ? &object : nullptr;
  }
  std::optional<elf::EhFrame> eh_frame_of(Address pc) const {
    const LoadedObject* object = find(pc);
    return object != nullptr ? object->module.eh_frame() : std::nullopt;
  }

 private:
  std::vector<LoadedObject> objects_;
  bool is_whole_ = false;
};

template <Memory M>
std::string read_text(const M& memory, Address at) {
  std::string text(4096, '\0');
  text.resize(copy_text(memory, at, text).value_or(0));
  return text;
}

// What the dynamic loader's lists say; of a static executable, itself and the vdso.
template <Memory M>
ObjectTable read_objects(const M& memory, const AuxiliaryVector& vector) {
  std::vector<LoadedObject> objects;
  const auto add = [&](const std::optional<Module>& module, std::string name, Address link_map,
                       unsigned index) {
    if (!module) return;
    for (const LoadedObject& known : objects) {
      if (known.module.range.begin == module->range.begin) return;
    }
    objects.push_back({*module, std::move(name), link_map, index});
  };
  const auto executable = read_executable(memory, vector);
  const auto rendezvous = executable ? find_rendezvous(memory, *executable) : std::nullopt;
  bool is_whole = executable.has_value();
  if (rendezvous) {
    const LinkMapWalk walk = walk_link_maps(
        memory, *rendezvous, [&](const LinkMapEntry& entry, Address at, unsigned index) {
          const auto module = read_module(memory, entry, vector);
          std::string name = read_text(memory, entry.name);
          if (name.empty()) name = read_text(memory, vector.executable_name);
          if (!module) is_whole = false;
          add(module, std::move(name), at, index);
          return true;
        });
    is_whole = is_whole && walk.is_whole;
  }
  add(executable, read_text(memory, vector.executable_name), Address{0}, 0);
  if (raw(vector.interpreter) != 0)
    add(read_module_at(memory, vector.interpreter), "[loader]", Address{0}, 0);
  if (raw(vector.vdso) != 0) add(read_module_at(memory, vector.vdso), "[vdso]", Address{0}, 0);
  return ObjectTable{std::move(objects), is_whole};
}

}  // namespace allocs::runt::remote
