// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>

#include "../allocs.hpp"

namespace allocs {

// What a program's allocator has, to be registered: see struct alloc_protocol. `kName` is static text.
//   int find(const alloc_info& pool, const void* at, unsigned flags, alloc_info& child)
//   int next(const alloc_info& pool, const void* from, unsigned flags, alloc_info& child)
// It may also have get_traits, make, resize, release and set_type, with references for the pointers of the protocol.
template <typename A>
concept RegistrableAllocator =
    requires(A& a, const alloc_info& pool, const void* at, alloc_info& child) {
      { A::kName } -> std::convertible_to<const char*>;
      { a.find(pool, at, 0u, child) } -> std::same_as<int>;
      { a.next(pool, at, 0u, child) } -> std::same_as<int>;
    };

// An allocator of the program in the tree. Lives as long as the process: put it where it stays (a static variable).
template <RegistrableAllocator A>
class Registered {
 public:
  explicit Registered(A& implementation) : protocol_{} {
    protocol_.size = sizeof(alloc_protocol);
    protocol_.context = &implementation;
    protocol_.find = [](void* a, const alloc_info* pool, const void* at, unsigned flags,
                        alloc_info* child) { return self(a).find(*pool, at, flags, *child); };
    protocol_.next = [](void* a, const alloc_info* pool, const void* from, unsigned flags,
                        alloc_info* child) { return self(a).next(*pool, from, flags, *child); };
    if constexpr (requires(A& a, const alloc_info& i, alloc_traits& t) { a.get_traits(i, t); })
      protocol_.get_traits = [](void* a, const alloc_info* i, alloc_traits* t) { return self(a).get_traits(*i, *t); };
    if constexpr (requires(A& a, uniqtype* t, void*& p) { a.make(t, std::size_t{1}, p); })
      protocol_.make = [](void* a, uniqtype* t, std::size_t count, void** p) { return self(a).make(t, count, *p); };
    if constexpr (requires(A& a, const alloc_info& i, void*& p) { a.resize(i, std::size_t{1}, 0u, p); })
      protocol_.resize = [](void* a, const alloc_info* i, std::size_t size, unsigned flags, void** p) {
        return self(a).resize(*i, size, flags, *p);
      };
    if constexpr (requires(A& a, const alloc_info& i) { a.release(i); })
      protocol_.release = [](void* a, const alloc_info* i) { return self(a).release(*i); };
    if constexpr (requires(A& a, const alloc_info& i, uniqtype* t) { a.set_type(i, t); })
      protocol_.set_type = [](void* a, const alloc_info* i, uniqtype* t) { return self(a).set_type(*i, t); };
    error_ = alloc_register_allocator(&object_, &protocol_);
  }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;

  int error() const { return error_; }  // of alloc_register_allocator
  allocator* get() { return &object_; }
  int promote(const void* obj) { return alloc_promote(obj, &object_); }

 private:
  static A& self(void* a) { return *static_cast<A*>(a); }
  allocator object_{A::kName};
  alloc_protocol protocol_;
  int error_ = ALLOC_E_INVALID;
};

}  // namespace allocs
