// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string_view>
#include <type_traits>

#include "allocs.h"
#include "allocs/allocator.h"
#include "allocs/types.hpp"
#include "allocs/walk.h"

// <allocs.h> in C++: values for types and allocations, ranges over members, children, blocks and references, any object as text, and a
// concept for allocators. C++20, headers only, without exceptions, RTTI or allocation: fit for -fno-exceptions -fno-rtti. Contracts and
// errors are those of the C functions.
//
//   for (const allocs::Allocation& block : allocs::blocks())
//     if (block.type() == allocs::type_of(&mine)) ...
//   std::cout << allocs::show(mine) << '\n';
namespace allocs {

// ---- allocations ----

class Children;
class References;

// What is known of an allocation at one moment, or why nothing is.
class Allocation {
 public:
  Allocation() { std::memset(&info_, 0, sizeof info_); }
  explicit Allocation(const alloc_info& info) : info_(info) {}
  static Allocation of(const void* obj, unsigned flags = 0) {
    Allocation found;
    alloc_query(obj, flags, &found.info_);
    return found;
  }
  static Allocation root() {
    Allocation all;
    alloc_get_root(&all.info_);
    return all;
  }

  explicit operator bool() const { return info_.error == ALLOC_OK && info_.allocator != nullptr; }
  int error() const { return info_.error; }
  std::string_view why() const { return alloc_error_message(info_.error); }
  const alloc_info& info() const { return info_; }

  allocator* by() const { return info_.allocator; }
  std::string_view allocator_name() const {
    return info_.allocator == nullptr ? std::string_view() : info_.allocator->name;
  }
  const void* base() const { return info_.base; }
  std::size_t size() const { return info_.size; }
  const void* end() const { return static_cast<const char*>(info_.base) + info_.size; }
  bool contains(const void* p) const { return p >= base() && p < end(); }
  Type type() const { return info_.type; }
  const void* site() const { return info_.site; }
  std::string_view name() const { return info_.name == nullptr ? std::string_view() : info_.name; }
  unsigned depth() const { return info_.depth; }

  alloc_traits traits() const {
    alloc_traits traits{};
    alloc_get_traits(&info_, &traits);
    return traits;
  }
  Allocation parent(unsigned flags = 0) const {
    Allocation found;
    found.info_.error = alloc_get_parent(&info_, flags, &found.info_);
    return found;
  }
  inline Children children(unsigned flags = 0) const;
  inline References references() const;

  friend bool operator==(const Allocation& a, const Allocation& b) {
    return a.info_.allocator == b.info_.allocator && a.info_.base == b.info_.base &&
           a.info_.size == b.info_.size;
  }

 private:
  alloc_info info_;
};

inline Type type_of(const void* obj) { return alloc_get_type(obj); }

// The children of an allocation, by address: an input range.
class Children {
 public:
  class Iterator {
   public:
    using value_type = Allocation;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(const alloc_cursor& cursor) : cursor_(cursor) { ++*this; }
    const Allocation& operator*() const { return now_; }
    const Allocation* operator->() const { return &now_; }
    Iterator& operator++() {
      alloc_info child;
      is_there_ = alloc_next_child(&cursor_, &child) == 1;
      if (is_there_) now_ = Allocation(child);
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& i, End) { return !i.is_there_; }

   private:
    alloc_cursor cursor_{};
    Allocation now_;
    bool is_there_ = false;
  };

  Children(const alloc_info& parent, unsigned flags) { alloc_begin_children(&parent, flags, &cursor_); }
  Iterator begin() const { return Iterator(cursor_); }
  End end() const { return {}; }

 private:
  alloc_cursor cursor_;
};
inline Children Allocation::children(unsigned flags) const { return {info_, flags}; }

// All blocks of malloc, by address: an input range.
class Blocks {
 public:
  class Iterator {
   public:
    using value_type = Allocation;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    explicit Iterator(int) {
      alloc_info root;
      alloc_get_root(&root);
      alloc_begin_children(&root, 0, &levels_[0]);
      depth_ = 1;
      ++*this;
    }
    const Allocation& operator*() const { return now_; }
    const Allocation* operator->() const { return &now_; }
    Iterator& operator++() {
      alloc_info child;
      while (depth_ > 0) {
        if (alloc_next_child(&levels_[depth_ - 1], &child) != 1) {
          --depth_;
        } else if (child.allocator == &__default_lib_malloc_allocator ||
                   child.allocator == &__program_malloc_allocator) {
          now_ = Allocation(child);
          return *this;
        } else if (depth_ < kLevels && may_hold_blocks(child)) {
          alloc_begin_children(&child, 0, &levels_[depth_++]);
        }
      }
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& i, End) { return i.depth_ == 0; }

   private:
    // Mappings and the break area; not objects, whose one child is the file.
    static bool may_hold_blocks(const alloc_info& info) {
      return info.allocator == &__mmap_allocator || info.allocator == &__brk_allocator;
    }
    static constexpr int kLevels = 3;
    alloc_cursor levels_[kLevels]{};
    int depth_ = 0;
    Allocation now_;
  };
  Iterator begin() const { return Iterator(0); }
  End end() const { return {}; }
};
inline Blocks blocks() { return {}; }

// A pointer in an object.
struct Reference {
  const void* at = nullptr;
  const void* target = nullptr;
  Type type;  // of the pointer
};

// The pointers and references of a typed object, by address, those of all members of a union: an input range. The object is read as it is
// stepped through, so it must stay.
class References {
 public:
  class Iterator {
   public:
    using value_type = Reference;
    using difference_type = std::ptrdiff_t;
    Iterator() = default;
    Iterator(const void* base, std::size_t size, Type type) {
      push(type, static_cast<const char*>(base), size);
      ++*this;
    }
    const Reference& operator*() const { return now_; }
    const Reference* operator->() const { return &now_; }
    Iterator& operator++() {
      while (depth_ > 0) {
        Level& level = levels_[depth_ - 1];
        if (level.type.is_pointer()) {
          --depth_;
          if (level.size < sizeof(void*)) continue;
          now_ = {level.base, nullptr, level.type};
          std::memcpy(&now_.target, level.base, sizeof(void*));
          return *this;
        }
        if (!enter_next(level)) --depth_;
      }
      is_there_ = false;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& i, End) { return !i.is_there_; }

   private:
    struct Level {
      Type type;
      const char* base;
      std::size_t size, next;
    };
    static constexpr int kLevels = 32;

    void push(Type type, const char* base, std::size_t size) {
      if (type && depth_ < kLevels) levels_[depth_++] = {type, base, size, 0};
    }
    // Into the next element or member; false: there is none.
    bool enter_next(Level& level) {
      if (level.type.is_array()) {
        if (level.next >= level.type.elements_in(level.size)) return false;
        const std::size_t each = level.type.element().size();
        const std::size_t offset = level.next++ * each;
        if (offset + each > level.size) return false;
        push(level.type.element(), level.base + offset, each);
        return true;
      }
      const Members members = level.type.members();
      if (level.next >= members.size()) return false;
      const Member member = *Members::Iterator(level.type.get(), static_cast<unsigned>(level.next++));
      if (!member.is_placed || member.offset >= level.size) return true;
      const std::size_t left = level.size - member.offset;
      const bool fits = member.type.has_size() && member.type.size() <= left;
      push(member.type, level.base + member.offset, fits ? member.type.size() : left);
      return true;
    }

    Level levels_[kLevels]{};
    int depth_ = 0;
    Reference now_;
    bool is_there_ = true;
  };

  References(const void* base, std::size_t size, Type type) : base_(base), size_(size), type_(type) {}
  Iterator begin() const { return {base_, size_, type_}; }
  End end() const { return {}; }

 private:
  const void* base_;
  std::size_t size_;
  Type type_;
};
inline References Allocation::references() const { return {base(), type() ? size() : 0, type()}; }

// ---- visitors of the C functions, from any callable ----

namespace visiting {
// Calls f(thing); what it returns, if it returns something, goes to the walk.
template <typename Thing, typename F>
int call(const Thing* thing, void* f) {
  if constexpr (std::is_void_v<std::invoke_result_t<F&, const Thing&>>) {
    (*static_cast<F*>(f))(*thing);
    return 0;
  } else {
    return static_cast<int>((*static_cast<F*>(f))(*thing));
  }
}
}  // namespace visiting

template <std::invocable<const alloc_reference&> F>
int for_each_referrer(const void* obj, F f) {
  return alloc_walk_referrers(obj, 0, visiting::call<alloc_reference, F>, &f);
}
template <std::invocable<const alloc_reached&> F>
int for_each_reachable(F f) {
  return alloc_walk_graph(0, visiting::call<alloc_reached, F>, &f);
}
template <std::invocable<const alloc_step&> F>
int for_each_in_tree(const alloc_info* from, unsigned flags, F f) {
  return alloc_walk_tree(from, flags, visiting::call<alloc_step, F>, &f);
}
template <std::invocable<const alloc_subobject&> F>
int for_each_part(const void* obj, Type type, std::size_t size, F f) {
  return alloc_walk_parts(obj, type.get(), size, 0, visiting::call<alloc_subobject, F>, &f);
}
template <std::invocable<const alloc_subobject&> F>
int for_each_covering(const void* obj, int bit, F f) {
  return alloc_walk_covering(obj, bit, 0, visiting::call<alloc_subobject, F>, &f);
}

}  // namespace allocs

#include "allocs/elements.hpp"
#include "allocs/lifetime.hpp"
#include "allocs/move.hpp"
#include "allocs/register.hpp"
#include "allocs/show.hpp"
