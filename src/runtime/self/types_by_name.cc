// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/types_by_name.h"

#include "runt/registers.h"
#include "runtime/self/self_process.h"

namespace allocs::self {

namespace {

uniqtype* find_in(const SelfProcess& process, const query::Object& object, std::string_view name) {
  uniqtype* found = nullptr;
  if (!object.image) return nullptr;
  object.image->find_types_named(name, [&](types::TypeIndex index) {
    found = process.types().type(object, index);
    return found != nullptr;
  });
  return found;
}

}  // namespace

uniqtype* type_named(std::string_view name) {
  if (uniqtype* known = interner().find_by_name(name)) return known;
  const auto here = runt::current_registers();
  for (const auto mode : {SelfProcess::Mode::no_wait, SelfProcess::Mode::wait}) {
    const SelfProcess loaded(mode, here);
    const SelfProcess making(SelfProcess::Mode::wait, here);
    uniqtype* found = nullptr;
    index::for_each_module(TrustedMemory{}, *loaded.root(), [&](const index::ModuleRecord& module) {
      if (module.state != index::ModuleState::loaded) return true;
      const query::Object* object = loaded.find_instance(module.instance);
      if (object != nullptr) found = find_in(making, *object, name);
      return found == nullptr;
    });
    if (found != nullptr) return found;
  }
  return nullptr;
}

}  // namespace allocs::self
