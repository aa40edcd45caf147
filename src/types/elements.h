// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "allocs.h"
#include "base/memory.h"
#include "types/image_format.h"

// Steps through the elements of a container as a ContainerRecord describes it, in any memory. Nothing of the container is believed: what is
// no pointer, leads in a circle or does not end at an element's end is ALLOC_E_MALFORMED, and every walk ends.
namespace allocs::types {

struct Element {
  std::uint64_t at = 0;
  int bit = -1;  // of the byte at `at`, in containers of bits
};

// Where a walk is. A plain copy of it goes on from there.
struct ElementCursor {
  ContainerRecord rule;
  std::uint64_t object = 0;
  std::uint64_t index = 0;  // of the next element
  std::uint64_t count = 0;  // kUnknownSize: not known before the end
  std::uint64_t at = 0;     // of the next element, node or page
  std::uint64_t end = 0;    // where the walk, or the block, ends
  std::uint64_t mark =
      0;  // a node that was passed: whoever meets it again goes in a circle. blocks: where the list ends
  std::uint64_t next_mark = 0;
  std::uint64_t list = 0;  // blocks: the place of the next block in the list of blocks
  bool is_at_end = true;
};

template <Memory M>
class ElementWalk {
 public:
  ElementWalk(const M& memory, ElementCursor& cursor) : memory_(memory), c_(cursor) {}

  // Begins with the object at `object`, by the first of `rules` whose test holds; without one there are no elements. 0, or
  // ALLOC_E_MALFORMED.
  int begin(std::span<const ContainerRecord> rules, std::uint64_t object) {
    c_ = ElementCursor{};
    c_.object = object;
    for (const ContainerRecord& rule : rules) {
      bool holds = false;
      if (const int error = test(rule, holds); error != ALLOC_OK) return error;
      if (!holds) continue;
      c_.rule = rule;
      if (rule.element_size == 0) return ALLOC_E_MALFORMED;
      const int error = begin();
      c_.is_at_end = error != ALLOC_OK || c_.count == 0 || c_.is_at_end;
      return error;
    }
    return ALLOC_OK;
  }

  // 1 and the next element, 0 at the end, or ALLOC_E_MALFORMED, after which the walk is at its end.
  int next(Element& element) {
    if (c_.is_at_end) return 0;
    const int result = step(element);
    if (result == 1) ++c_.index;
    c_.is_at_end = result != 1 || (c_.count != kUnknownSize && c_.index == c_.count);
    return result;
  }

 private:
  static constexpr std::uint64_t kWord = 8;
  static constexpr std::uint64_t kMostBytesOfBits = kUnknownSize / 16;  // whose bits can be counted
  static constexpr unsigned kTallestTree = 256;  // a balanced tree of 2^64 nodes is lower

  const PlaceRecord& place(unsigned i) const { return c_.rule.places[i]; }
  static bool is_there(const PlaceRecord& place) { return place.size != 0; }

  std::optional<std::uint64_t> word(std::uint64_t at) const {
    return load<std::uint64_t>(memory_, Address{at});
  }
  // Empty, and `meets_null` says so, where a null pointer is on the way; empty too where something cannot be read.
  std::optional<std::uint64_t> address(const PlaceRecord& place, std::uint64_t from,
                                       bool* meets_null = nullptr) const {
    if (place.hops > kMostPlaceHops) return std::nullopt;
    for (unsigned i = 0; i < place.hops; ++i) {
      const auto next = word(from + place.offsets[i]);
      if (next == 0u && meets_null != nullptr) *meets_null = true;
      if (!next || *next == 0) return std::nullopt;
      from = *next;
    }
    return from + place.offsets[place.hops];
  }
  std::optional<std::uint64_t> value(const PlaceRecord& place, std::uint64_t from,
                                     bool* meets_null = nullptr) const {
    const auto at = address(place, from, meets_null);
    if (!at || place.size == 0 || place.size > kWord) return std::nullopt;
    const std::byte* bytes = memory_.view(Address{*at}, place.size);
    if (bytes == nullptr) return std::nullopt;
    std::uint64_t found = 0;
    std::memcpy(&found, bytes, place.size);
    if (place.bit_size == 0 || place.bit_size >= 64) return found;
    return found >> (place.bit_offset & 63) & ((std::uint64_t{1} << place.bit_size) - 1);
  }
  // Into `into`; false: it cannot be had.
  bool get(unsigned i, std::uint64_t& into) const {
    const auto found = value(place(i), c_.object);
    if (found) into = *found;
    return found.has_value();
  }

  int test(const ContainerRecord& rule, bool& holds) const {
    holds = rule.test == ContainerTest::none;
    if (holds) return ALLOC_OK;
    bool meets_null = false;
    const auto found = value(rule.tested, c_.object, &meets_null);
    if (!found) {
      // Behind a null pointer nothing is set.
      holds = rule.test == ContainerTest::is_clear && meets_null;
      return meets_null ? ALLOC_OK : ALLOC_E_MALFORMED;
    }
    holds = rule.test == ContainerTest::is_set     ? *found != 0
            : rule.test == ContainerTest::is_clear ? *found == 0
                                                   : *found == rule.equal;
    return ALLOC_OK;
  }

  int begin() {
    switch (c_.rule.shape) {
      case ContainerShape::array:
        return begin_array();
      case ContainerShape::inside:
        return begin_inside();
      case ContainerShape::target:
        if (!get(0, c_.at)) return ALLOC_E_MALFORMED;
        c_.count = c_.at == 0 ? 0 : 1;
        c_.is_at_end = false;
        return ALLOC_OK;
      case ContainerShape::bits:
        return begin_bits();
      case ContainerShape::chain:
      case ContainerShape::tree:
        return begin_nodes();
      case ContainerShape::blocks:
        return begin_blocks();
      case ContainerShape::pages: {
        if (c_.rule.number == 0 || !get(0, c_.list) || !get(1, c_.at) || !get(2, c_.count))
          return ALLOC_E_MALFORMED;
        c_.is_at_end = false;
        return ALLOC_OK;
      }
    }
    return ALLOC_E_MALFORMED;
  }

  int begin_array() {
    if (!get(0, c_.at)) return ALLOC_E_MALFORMED;
    c_.is_at_end = false;
    if (!is_there(place(1))) return get(2, c_.count) ? check_extent() : ALLOC_E_MALFORMED;
    if (!get(1, c_.end) || c_.end < c_.at) return ALLOC_E_MALFORMED;
    if ((c_.end - c_.at) % c_.rule.element_size != 0) return ALLOC_E_MALFORMED;
    c_.count = (c_.end - c_.at) / c_.rule.element_size;
    return ALLOC_OK;
  }
  int begin_inside() {
    const auto at = address(place(0), c_.object);
    if (!at) return ALLOC_E_MALFORMED;
    c_.at = *at;
    c_.count = c_.rule.number;
    c_.is_at_end = false;
    if (is_there(place(1)) && (!get(1, c_.count) || c_.count > c_.rule.number))
      return ALLOC_E_MALFORMED;
    return check_extent();
  }
  // So many elements cannot reach beyond the address space.
  int check_extent() const {
    if (c_.count == 0) return ALLOC_OK;
    const bool fits = c_.at != 0 && c_.count <= (kUnknownSize - c_.at) / c_.rule.element_size;
    return fits ? ALLOC_OK : ALLOC_E_MALFORMED;
  }
  int begin_bits() {
    if (!get(0, c_.at)) return ALLOC_E_MALFORMED;
    c_.is_at_end = false;
    if (is_there(place(3))) {
      if (!get(3, c_.count)) return ALLOC_E_MALFORMED;
    } else {
      std::uint64_t end_bit = 0;
      if (!get(1, c_.end) || !get(2, end_bit) || c_.end < c_.at) return ALLOC_E_MALFORMED;
      const std::uint64_t bytes = c_.end - c_.at;
      if (end_bit >= 64 || bytes % kWord != 0 || bytes > kMostBytesOfBits) return ALLOC_E_MALFORMED;
      c_.count = bytes * 8 + end_bit;
    }
    if (c_.count == 0) return ALLOC_OK;
    const std::uint64_t bytes = c_.count / 8;
    const bool fits = c_.at != 0 && bytes <= kMostBytesOfBits && bytes <= kUnknownSize - c_.at;
    return fits ? ALLOC_OK : ALLOC_E_MALFORMED;
  }
  int begin_nodes() {
    c_.count = kUnknownSize;
    if (!get(0, c_.at)) return ALLOC_E_MALFORMED;
    if (is_there(place(1))) {
      const auto sentinel = address(place(1), c_.object);
      if (!sentinel) return ALLOC_E_MALFORMED;
      c_.end = *sentinel;
    }
    c_.next_mark = 1;
    c_.is_at_end = c_.at == c_.end;
    return ALLOC_OK;
  }
  int begin_blocks() {
    std::uint64_t block_end = 0, block_begin = 0, last = 0;
    const bool are_there = get(0, c_.at) && get(1, block_end) && get(2, block_begin) &&
                           get(3, c_.list) && get(4, last) && get(5, c_.mark);
    if (!are_there || c_.at < block_begin || c_.at > block_end) return ALLOC_E_MALFORMED;
    const std::uint64_t length = block_end - block_begin;
    const bool is_whole =
        length % c_.rule.element_size == 0 && (c_.at - block_begin) % c_.rule.element_size == 0;
    if (!is_whole || (length == 0 && last != c_.at)) return ALLOC_E_MALFORMED;
    c_.count = kUnknownSize;
    c_.end = block_end;
    c_.rule.number = length;
    c_.rule.equal = last;  // the test has been made
    c_.is_at_end = c_.at == last;
    return ALLOC_OK;
  }

  int step(Element& element) {
    switch (c_.rule.shape) {
      case ContainerShape::array:
      case ContainerShape::inside:
      case ContainerShape::target:
        element.at = c_.at + c_.index * c_.rule.element_size;
        return 1;
      case ContainerShape::bits:
        element.at = c_.at + c_.index / 8;
        element.bit = static_cast<int>(c_.index % 8);
        return 1;
      case ContainerShape::chain:
        return step_node(element, [&] { return value(place(2), c_.at); });
      case ContainerShape::tree:
        return step_node(element, [&] { return successor(c_.at); });
      case ContainerShape::blocks:
        return step_block(element);
      case ContainerShape::pages: {
        const std::uint64_t position = c_.at + c_.index;
        const auto page = word(c_.list + position / c_.rule.number * kWord);
        if (!page || *page == 0) return ALLOC_E_MALFORMED;
        element.at = *page + position % c_.rule.number * c_.rule.element_size;
        return 1;
      }
    }
    return ALLOC_E_MALFORMED;
  }

  // The node is told, and the walk is at the one behind it.
  template <typename Next>
  int step_node(Element& element, Next&& next_of) {
    if (c_.at == c_.end) return 0;
    if (c_.at == 0 || c_.at == c_.mark) return ALLOC_E_MALFORMED;
    if (c_.index == c_.next_mark) {
      c_.mark = c_.at;
      c_.next_mark *= 2;
    }
    const bool is_tree = c_.rule.shape == ContainerShape::tree;
    const auto at = address(place(is_tree ? 5 : 3), c_.at);
    const auto next = next_of();
    if (!at || !next) return ALLOC_E_MALFORMED;
    element.at = *at;
    c_.at = *next;
    return 1;
  }
  // In order. Without a sentinel null is above the root.
  std::optional<std::uint64_t> successor(std::uint64_t node) const {
    auto below = value(place(3), node);
    if (below && *below != 0) {
      for (unsigned i = 0; i < kTallestTree; ++i) {
        const auto left = value(place(2), *below);
        if (!left) return std::nullopt;
        if (*left == 0) return below;
        below = left;
      }
      return std::nullopt;
    }
    if (!below) return std::nullopt;
    for (unsigned i = 0; i < kTallestTree; ++i) {
      const auto parent = value(place(4), node);
      if (!parent || *parent == c_.end) return parent;
      const auto left = value(place(2), *parent);
      if (!left) return std::nullopt;
      if (*left == node) return parent;
      node = *parent;
    }
    return std::nullopt;
  }
  int step_block(Element& element) {
    const std::uint64_t last = c_.rule.equal;
    if (c_.at == last) return 0;
    if (c_.at == c_.end) return ALLOC_E_MALFORMED;
    element.at = c_.at;
    c_.at += c_.rule.element_size;
    if (c_.at != c_.end) return 1;
    // At the end of a block; the next one begins the walk anew. A deque's end is never at the end of a block.
    if (c_.list >= c_.mark) return ALLOC_E_MALFORMED;
    c_.list += kWord;
    const auto begin = word(c_.list);
    if (!begin || *begin == 0 || *begin > kUnknownSize - c_.rule.number) return ALLOC_E_MALFORMED;
    c_.at = *begin;
    c_.end = *begin + c_.rule.number;
    return 1;
  }

  const M& memory_;
  ElementCursor& c_;
};

}  // namespace allocs::types
