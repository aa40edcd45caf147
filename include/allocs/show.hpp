// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <type_traits>

#include "../allocs.hpp"
#include "elements.hpp"
#include "own_memory.hpp"
#include "scalar_text.hpp"
#include "text_writer.hpp"

// Any object as text, as its type tells it:
//
//   allocs::show(list)   {head = 0x55d0 -> {next = 0x55e0 -> {next = <as above: 0x55d0>, value = 2}, value = 1}, length = 2}
//
// Pointers are followed into what is an allocation, and no further than the allocation goes; text is quoted, functions are named. Of containers the
// elements are shown (allocs/container.h). What is being shown further out is not entered again. Depth, elements, text and the
// whole have limits. What cannot be read is said to be so, and is no fault (allocs/own_memory.hpp).
namespace allocs {

struct ShowOptions {
  unsigned depth = 4;     // pointers followed in a row
  unsigned elements = 16; // of each array
  unsigned text = 64;     // bytes of each string
  std::size_t whole = 65536; // bytes of all of the text, or a little more: behind them is "...", and nothing is looked at any more
};

namespace showing {

class Shower {
 public:
  Shower(Writer& out, const ShowOptions& options) : out_(out), options_(options) {}

  // `is_base`: a base class, whose virtual bases are shown with the whole object.
  void object(Type type, const char* at, std::size_t size, bool is_base = false) {
    if (!type) return unknown(at, size);
    if (nesting_ == kDeepest || is_full()) return out_.put("...");
    ++nesting_;
    if (type.is_array()) {
      array(type, at, size);
    } else if (type.is_composite()) {
      if (!container(type, at)) composite(type, at, size, is_base);
    } else if (type.is_pointer()) {
      if (size >= sizeof(void*)) scalar(type, at, sizeof(void*));
    } else if (type.kind() == UNIQTYPE_KIND_ENUMERATION || type.kind() == UNIQTYPE_KIND_BASE) {
      scalar(type, at, size);
    } else if (type.kind() == UNIQTYPE_KIND_SUBPROGRAM) {
      out_.put("function");
    } else {
      unknown(at, size);
    }
    --nesting_;
  }

 private:
  static constexpr unsigned kDeepest = 48;
  bool is_full() const { return out_.written() >= options_.whole; }

  static constexpr std::string_view kUnreadable = "(cannot be read)";

  // What is read as a whole.
  void scalar(Type type, const char* at, std::size_t size) {
    char bytes[kLargestScalar] = {};
    if (size > sizeof bytes) return unknown(at, size);
    if (!memory_.read(at, bytes, size)) return out_.put(kUnreadable);
    if (type.is_pointer()) return pointer(type, bytes);
    put_in_order(type, bytes, size);
    if (type.kind() == UNIQTYPE_KIND_ENUMERATION) return put_enumerator(out_, type, bytes, size);
    if (!put_base(out_, type, bytes, size)) unknown(at, size);
  }
  static constexpr std::size_t kLargestScalar = 16;

  void unknown(const char* at, std::size_t size) {
    out_.put('<');
    out_.number(size);
    out_.put(" bytes at ");
    out_.address(at);
    out_.put('>');
  }

  // Up to a NUL, or, where somebody counts them, all bytes.
  void text(const char* at, std::size_t size, bool is_counted = false) {
    unsigned char next[4] = {};  // a character of UTF-8 at most
    if (size != 0 && !memory_.read(at, next, 1)) return out_.put(kUnreadable);
    out_.put('"');
    for (std::size_t i = 0, length = 0; i < size; i += length) {
      const bool is_read = memory_.read(at + i, next, 1);
      if (is_read && next[0] == '\0' && !is_counted) break;
      const std::size_t left = size - i < sizeof next ? size - i : sizeof next;
      length = is_read && next[0] >= 0xC0 && memory_.read(at + i, next, left) ? length_of_character(next, left) : 0;
      const bool is_ascii = length == 0;
      if (is_ascii) length = 1;
      if (!is_read || i + length > options_.text || is_full()) {
        out_.put("\"...");
        return is_read ? void() : out_.put(kUnreadable);
      }
      if (is_ascii) {
        out_.character(next[0]);
      } else {
        out_.put(std::string_view(reinterpret_cast<const char*>(next), length));
      }
    }
    out_.put('"');
  }

  void array(Type type, const char* at, std::size_t size) {
    const Type element = type.element();
    if (is_char(element)) return text(at, type.elements_in(size));
    const std::size_t count = type.elements_in(size);
    out_.put('[');
    for (std::size_t i = 0; i < count; ++i) {
      if (i != 0) out_.put(", ");
      if (i == options_.elements || is_full()) {
        out_.put("... ");
        out_.number(count);
        out_.put(" in all");
        break;
      }
      object(element, at + i * element.size(), element.size());
    }
    out_.put(']');
  }

  // False: it is none.
  bool container(Type type, const char* at) {
    if (memory_.is_direct()) return false;  // it asks the kernel
    const Elements elements(type, at);
    if (!elements && elements.error() != ALLOC_E_MALFORMED) return false;
    if (!elements) {
      out_.put("<malformed>");
      return true;
    }
    const bool is_one = elements.form() == ALLOC_ELEMENTS_POINTED || elements.form() == ALLOC_ELEMENTS_HELD;
    const bool is_text = elements.form() == ALLOC_ELEMENTS_CONTIGUOUS && is_char(elements.type());
    if (!is_one && !is_text) out_.put('[');
    std::size_t count = 0;
    Elements::Iterator element = elements.begin();
    for (; element != End{}; ++element, ++count) {
      const char* const base = static_cast<const char*>((*element).base);
      if (count != 0) out_.put(", ");
      if (count == options_.elements || is_full()) break;
      if (is_text) {
        const std::size_t length = static_cast<std::size_t>(elements.count());
        can_be_read(base, length) ? text(base, length, true) : unknown(base, length);
        return true;
      }
      this->element(elements, *element);
    }
    if (is_one && count == 0) out_.put(elements.form() == ALLOC_ELEMENTS_POINTED ? "null" : "none");
    if (is_text) out_.put("\"\"");
    if (element != End{}) {
      out_.put("...");
      if (elements.count() != UINT64_MAX) {
        out_.put(' ');
        out_.number(elements.count());
        out_.put(" in all");
      }
    } else if (element.error() != ALLOC_OK) {
      out_.put(count == 0 ? "<malformed>" : ", <malformed>");
    }
    if (!is_one && !is_text) out_.put(']');
    return true;
  }
  void element(const Elements& elements, const alloc_element& element) {
    const char* const base = static_cast<const char*>(element.base);
    if (elements.form() == ALLOC_ELEMENTS_POINTED) {
      const Allocation there = Allocation::of(base);
      return follow(elements.type(), base, there, element.size);
    }
    if (!can_be_read(base, element.size)) return unknown(base, element.size);
    if (element.bit < 0) return object(elements.type(), base, element.size);
    char byte = 0;
    if (!memory_.read(base, &byte, 1)) return out_.put(kUnreadable);
    out_.put((byte >> element.bit & 1) != 0 ? "true" : "false");
  }
  static bool can_be_read(const char* at, std::size_t size) {
    const Allocation there = Allocation::of(at);
    return there && static_cast<std::size_t>(static_cast<const char*>(there.end()) - at) >= size;
  }

  void composite(Type type, const char* at, std::size_t size, bool is_base) {
    out_.put('{');
    bool is_first = true;
    for (const Member& member : type.members()) {
      if (!member.is_placed || member.offset > size) continue;
      const bool is_part = member.name.empty() && member.type.is_composite();
      // An empty base class.
      if (is_part && member.type.members().size() == 0) continue;
      if (!goes_on(is_first)) break;
      if (!member.name.empty()) {
        out_.put(member.name);
        out_.put(" = ");
      }
      const std::size_t left = size - member.offset;
      const bool fits = member.type.has_size() && member.type.size() <= left;
      object(member.type, at + member.offset, fits ? member.type.size() : left, is_part);
    }
    if (!is_base && has_virtual_bases(type)) virtual_bases(type, at, size, is_first);
    out_.put('}');
  }
  // Between two members. False: there is no room for more.
  bool goes_on(bool& is_first) {
    if (!is_first) out_.put(", ");
    is_first = false;
    if (is_full()) out_.put("...");
    return !is_full();
  }

  static bool has_virtual_bases(Type type, unsigned depth = 0) {
    for (const Member& member : type.members()) {
      if (!member.is_placed) return true;
      if (member.name.empty() && member.type.is_composite() && depth < kDeepest && has_virtual_bases(member.type, depth + 1))
        return true;
    }
    return false;
  }
  // The object itself tells where they are, or it cannot be told.
  void virtual_bases(Type type, const char* at, std::size_t size, bool& is_first) {
    const unsigned count = type.members().size();
    const auto is_virtual = [&](std::uint64_t index) {
      return index >= count || !(*Members::Iterator(type.get(), static_cast<unsigned>(index))).is_placed;
    };
    bool are_any = false;
    for_each_part(at, type, size, [&](const alloc_subobject& part) {
      if (part.name == nullptr || !is_virtual(part.index)) return 0;
      are_any = true;
      if (part.size == 0) return 0;
      if (!goes_on(is_first)) return 1;
      object(part.type, static_cast<const char*>(part.base), part.size, true);
      return 0;
    });
    if (are_any) return;
    bool has_own = false;
    for (const Member& member : type.members()) {
      if (member.is_placed) continue;
      has_own = true;
      if (!goes_on(is_first)) return;
      char name[256];
      out_.put("(virtual base ");
      member.type.describe(name, sizeof name);
      out_.put(name);
      out_.put(')');
    }
    if (!has_own && goes_on(is_first)) out_.put("(virtual bases)");
  }

  void pointer(Type type, const char* bytes) {
    const char* target = nullptr;
    std::memcpy(&target, bytes, sizeof target);
    if (target == nullptr) return out_.put("null");
    const Allocation there = Allocation::of(target);
    if (!there || there.size() == 0) {
      out_.address(target);
      if (there && !there.name().empty()) name(there);
      return;
    }
    Type pointee = type.target();
    if (pointee.kind() == UNIQTYPE_KIND_SUBPROGRAM && pointee) {
      out_.address(target);
      return name(there);
    }
    const std::size_t left = static_cast<std::size_t>(static_cast<const char*>(there.end()) - target);
    if (is_char(pointee)) return text(target, left);
    if (!pointee || !pointee.has_size() || pointee.size() == 0) {
      // A `void *`, or of a type that is declared only: what is there says what it is.
      pointee = target == there.base() ? there.type() : Type();
    }
    follow(pointee, target, there, pointee.has_size() ? pointee.size() : left);
  }
  // A pointer's target, which lies in `there`.
  void follow(Type pointee, const char* target, const Allocation& there, std::size_t size) {
    out_.address(target);
    if (is_being_shown(target, pointee)) return out_.put(" <as above>");
    const std::size_t left = there ? static_cast<std::size_t>(static_cast<const char*>(there.end()) - target) : 0;
    const bool fits = there && size <= left;
    if (fits && target == there.base() && is_open_ended(pointee)) size = left;
    if (!pointee || !fits || followed_ == options_.depth || followed_ == kMostFollowed) return;
    out_.put(" -> ");
    char first;
    if (!memory_.read(target, &first, sizeof first)) return out_.put(kUnreadable);
    shown_[followed_++] = {target, pointee};
    object(pointee, target, size);
    --followed_;
  }
  // An array without a length, or a structure that ends in one.
  static bool is_open_ended(Type type) {
    if (type.is_array()) return !type.has_size();
    const Members members = type.members();
    const bool is_union = members.size() != 0 && type.get()->un.composite.not_simultaneous != 0;
    for (unsigned i = is_union || members.size() == 0 ? 0 : members.size() - 1; i < members.size(); ++i) {
      if (is_open_ended((*Members::Iterator(type.get(), i)).type)) return true;
    }
    return false;
  }
  void name(const Allocation& there) {
    out_.put(" <");
    out_.put(there.name());
    out_.put('>');
  }
  bool is_being_shown(const char* target, Type type) const {
    for (unsigned i = 0; i < followed_; ++i) {
      if (shown_[i].at == target && shown_[i].type == type) return true;
    }
    return target == outermost_.at && type == outermost_.type;
  }

  static constexpr unsigned kMostFollowed = 32;
  struct Place {
    const char* at = nullptr;
    Type type;
  };

 public:
  void outermost(Type type, const char* at, std::size_t size) {
    char first;
    if (type && size != 0 && !memory_.read(at, &first, sizeof first)) return out_.put(kUnreadable);
    outermost_ = {at, type};
    object(type, at, size);
  }

 private:
  Writer& out_;
  const ShowOptions& options_;
  OwnMemory memory_;
  Place outermost_;
  Place shown_[kMostFollowed];
  unsigned followed_ = 0;
  unsigned nesting_ = 0;
};

// The type of the object of `size` bytes at `at`: of the outermost allocation or member that is there and has that size.
inline Type type_at(const void* at, std::size_t size) {
  const Allocation whole = Allocation::of(at);
  if (!whole || !whole.type()) return {};
  if (whole.base() == at && whole.size() == size && (!whole.type().is_array() || whole.type().has_size()))
    return whole.type();
  Type found;
  for_each_covering(at, -1, [&](const alloc_subobject& sub) {
    // A base class is shown like an object of its own.
    if (sub.base != at || sub.bit_size != 0 || (sub.size != size && uniqtype_size(sub.type) != size)) return 0;
    found = sub.type;
    return 1;
  });
  if (!found && whole.base() == at && whole.size() == size) found = whole.type();
  return found;
}

}  // namespace showing

// The object that is to be shown, and how. It is read when the text is asked for.
class Shown {
 public:
  Shown(Type type, const void* at, std::size_t size, const ShowOptions& options)
      : type_(type), at_(static_cast<const char*>(at)), size_(size), options_(options) {}

  // As snprintf: at most `len` bytes with a final NUL; returns the length of the whole text.
  std::size_t to(char* buf, std::size_t len) const {
    showing::Writer out(buf, len);
    showing::Shower(out, options_).outermost(type_, at_, size_);
    return out.written();
  }
  // To a stream, or whatever takes text by <<. At most some 15 KiB.
  template <typename Stream>
  friend Stream& operator<<(Stream& stream, const Shown& shown)
    requires requires(Stream& s) { s << std::string_view(); }
  {
    char text[16384];
    Shown limited = shown;
    if (limited.options_.whole > sizeof text - 1024) limited.options_.whole = sizeof text - 1024;
    const std::size_t length = limited.to(text, sizeof text);
    stream << std::string_view(text, length < sizeof text ? length : sizeof text - 1);
    return stream;
  }
  Type type() const { return type_; }

 private:
  Type type_;
  const char* at_;
  std::size_t size_;
  ShowOptions options_;
};

// Any object: its type is what the run time knows of the memory it is in.
template <typename T>
Shown show(const T& object, const ShowOptions& options = {}) {
  const void* const at = std::addressof(object);
  return {showing::type_at(at, sizeof(T)), at, sizeof(T), options};
}

// All of the allocation that contains `obj`.
inline Shown show_allocation(const void* obj, const ShowOptions& options = {}) {
  const Allocation there = Allocation::of(obj);
  return {there.type(), there.base(), there.size(), options};
}

}  // namespace allocs
