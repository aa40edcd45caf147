// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/types_by_name.h"

#include "runt/registers.h"
#include "runtime/self/self_process.h"

namespace allocs::self {

namespace {

bool is_whole(const uniqtype* type) {
  return type != nullptr && (types::record_of(*type).flags & types::kTypeIncomplete) == 0;
}

// Puts the object's type of that name into `found`, unless there is one that is as good.
void find_in(const SelfProcess& process, const query::Object& object, std::string_view name,
             uniqtype*& found) {
  if (!object.image) return;
  object.image->find_types_named(name, [&](types::TypeIndex index) {
    uniqtype* const type = process.types().type(object, index);
    if (found == nullptr || is_whole(type)) found = type;
    return is_whole(found);
  });
}

}  // namespace

uniqtype* type_named(std::string_view name) {
  uniqtype* found = interner().find_by_name(name);
  if (is_whole(found)) return found;
  // What is only declared so far may be described by another object.
  const auto here = runt::current_registers();
  for (const auto mode : {SelfProcess::Mode::no_wait, SelfProcess::Mode::wait}) {
    const SelfProcess loaded(mode, here);
    const SelfProcess making(SelfProcess::Mode::wait, here);
    loaded.finds_new_objects();  // libraries that nobody has asked about so far
    index::for_each_module(TrustedMemory{}, *loaded.root(), [&](const index::ModuleRecord& module) {
      if (module.state != index::ModuleState::loaded) return true;
      const query::Object* object = loaded.find_instance(module.instance);
      if (object != nullptr) find_in(making, *object, name, found);
      return !is_whole(found);
    });
    if (is_whole(found)) return found;
  }
  return found;
}

}  // namespace allocs::self
