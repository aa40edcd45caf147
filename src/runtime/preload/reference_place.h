// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/address.h"
#include "runtime/self/self_process.h"

// Eight bytes hold an address. Are they a reference? That is one question for all that follows pointers, forwards and back.
namespace allocs::preload {

struct ReferencePlace {
  uniqtype* type = nullptr;  // of the pointer that begins there, where a type tells one
  bool is_other = false;     // a type that is sure says that something else begins there

  // At a multiple of eight anything is one that is not said to be something else; elsewhere only what is said to be a pointer.
  bool refers(Address at) const {
    return raw(at) % sizeof(void*) == 0 ? !is_other : type != nullptr && !is_other;
  }
};

// What the types of what lies at `at` say. Context: query.
ReferencePlace look_at_reference(const self::SelfProcess& process, Address at);

}  // namespace allocs::preload
