// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <utility>

#include "base/memory.h"
#include "runtime/query/object.h"
#include "runtime/query/process.h"
#include "types/subobject.h"

// Where virtual bases lie, from the object.
//
// The table that a base class points to says how far away each of its virtual bases is, as of the object that the base class is in. Example, on x86-64:
//
//     struct V { long v; };  struct L : virtual V { long l; };  struct R : virtual V { long r; };  struct D : L, R { long d; };
//
//     a D   +0   0x55d0c1a03d30 = vtable for D + 24         24 bytes below: 40, so V lies at +40
//           +16  0x55d0c1a03d48 = vtable for D + 48         24 bytes below: 24, so V lies at +16 + 24
//
// What memory holds may be of the past, or of a moment: the object has not been made yet, or has been destroyed, or a base class of it is being made or destroyed, whose tables
// differ. So the first word must point to where those of objects of just that class do, and of no others (types::VirtualTableRecord). A base class of the object has to
// point into the table of the same class, for that very place: what lies in front of the entries says so. What was an object of the same class before has its
// virtual bases at the same places, so nothing more needs to hold; no object of a class has them anywhere else.
namespace allocs::query {

// Blanks do not count: "a<b<c> >" is "a<b<c>>".
inline bool is_same_spelling(std::string_view a, std::string_view b) {
  std::size_t i = 0, j = 0;
  for (;;) {
    while (i < a.size() && a[i] == ' ') ++i;
    while (j < b.size() && b[j] == ' ') ++j;
    if (i == a.size() || j == b.size()) return i == a.size() && j == b.size();
    if (a[i++] != b[j++]) return false;
  }
}

// Do objects of class `type`, and nothing else, begin with the address `table`, of an entry in `file`?
inline bool is_table_of(const Object& file, Address table, const uniqtype& type) {
  if (!file.image) return false;
  const types::Image& image = *file.image;
  const auto* record = image.find_virtual_table(raw(file.link_address(table)));
  if (record == nullptr) return false;
  const auto& wanted = types::record_of(type);
  if (record->type == types::kNoType)
    return record->name != 0 && is_same_spelling(image.text(record->name), wanted.name);
  // Objects may describe the class differently, one of them what the other only declares.
  const auto* described = image.type(record->type);
  if (described == nullptr) return false;
  return described->hash == wanted.hash ||
         (described->size == wanted.size &&
          is_same_spelling(image.text(described->name), wanted.name));
}

template <Process P>
class TableLook {
 public:
  explicit TableLook(const P& process) : process_(process), memory_(process.blocks()) {}

  bool tell(const uniqtype& type, Address object, Address part, std::uint64_t distance,
            std::int64_t& offset) const {
    const auto own = load<std::uint64_t>(memory_, object);
    if (!own || !may_be_table(*own)) return false;
    const Object* const file = process_.find_object(Address{*own});
    if (file == nullptr || !is_table_of(*file, Address{*own}, type)) return false;
    std::uint64_t table = *own;
    if (part != object) {
      const auto its = load<std::uint64_t>(memory_, part);
      const auto place = static_cast<std::int64_t>(object - part);
      if (!its || !may_be_table(*its) || !is_beside(*file, Address{*own}, Address{*its}, place))
        return false;
      table = *its;
    }
    const auto found = load<std::int64_t>(memory_, Address{table - distance});
    if (found) offset = *found;
    return found.has_value();
  }

 private:
  static constexpr std::uint64_t kWord = 8;

  static bool may_be_table(std::uint64_t word) {
    return word % kWord == 0 && word > 4096 && Address{word} < kEndOfUserAddresses;
  }

  // Is `table` one of those that stand together with `own`, of the base class that is so far from the object's begin? The word in front of a table is the address of the
  // type information, 0 where there is none; the one in front of that the distance to the begin of the object (Itanium C++ ABI 2.5.2).
  bool is_beside(const Object& file, Address own, Address table, std::int64_t to_object) const {
    if (!file.range.contains(table)) return false;
    // Behind the last one, which has no functions, something else may begin.
    const auto symbol_at = [&](Address place) {
      return file.image->find_static(raw(file.link_address(place)) - 1);
    };
    const auto* const symbol = symbol_at(own);
    if (symbol == nullptr || symbol != symbol_at(table)) return false;
    const auto distance = load<std::int64_t>(memory_, Address{raw(table) - 2 * kWord});
    const auto information = load<std::uint64_t>(memory_, Address{raw(table) - kWord});
    return distance == to_object && information &&
           information == load<std::uint64_t>(memory_, Address{raw(own) - kWord});
  }

  const P& process_;
  decltype(std::declval<const P&>().blocks()) memory_;
};

// Who can look at objects of the process now; nobody, if its memory must not be read. It refers to the process.
template <Process P>
types::ObjectReader object_reader(const P& process) {
  if (!process.may_look_into_blocks()) return {};
  return {.tell =
              [](const void* of, const uniqtype& type, Address object, Address part,
                 std::uint64_t distance, std::int64_t& offset) {
                return TableLook<P>(*static_cast<const P*>(of))
                    .tell(type, object, part, distance, offset);
              },
          .context = &process};
}

}  // namespace allocs::query
