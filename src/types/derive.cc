// SPDX-License-Identifier: Apache-2.0
#include "types/derive.h"

#include "base/text.h"
#include "base/text_writer.h"
#include "types/type_hash.h"

namespace allocs::types {

namespace {

// Longer names (deep C++ templates) are cut in derived types; identity is the hash, never the name.
constexpr std::size_t kLongestName = 4096;

struct DerivedName {
  char canonical[kLongestName];
  char human[kLongestName];
};

// In C the declarator grows from the inside: an array of two "int[3]" is "int[2][3]".
void put_inside(TextWriter& out, std::string_view human, std::string_view inner) {
  const std::size_t star = human.find("(*)");
  if (star != std::string_view::npos) {
    out.put(part_of(human, 0, star + 2)).put(inner).put(part_of(human, star + 2));
    return;
  }
  const std::size_t bracket = human.find('[');
  if (bracket == std::string_view::npos) {
    out.put(human).put(inner);
    return;
  }
  out.put(part_of(human, 0, bracket)).put(inner).put(part_of(human, bracket));
}

uniqtype* complete(uniqtype_record* record) {
  record->complete.store(true, std::memory_order_release);
  return record->type;
}

void store(uniqtype*& slot, uniqtype* value) {
  std::atomic_ref<uniqtype*>(slot).store(value, std::memory_order_relaxed);
}

}  // namespace

namespace {

// Of an array, a function, or a pointer to one of these.
void put_pointer_to_declarator(TextWriter& out, std::string_view human) {
  const std::size_t open = human.find("(*)");
  const std::size_t bracket = human.find('[');
  const std::size_t arguments = human.rfind('(');
  if (human.ends_with('*')) {
    out.put(human).put('*');
  } else if (open != std::string_view::npos) {
    out.put(part_of(human, 0, open + 1)).put('*').put(part_of(human, open + 1));
  } else if (bracket != std::string_view::npos) {
    out.put(part_of(human, 0, bracket)).put(" (*)").put(part_of(human, bracket));
  } else if (human.ends_with(')') && arguments != std::string_view::npos) {
    out.put(part_of(human, 0, arguments)).put("(*)").put(part_of(human, arguments));
  } else {
    out.put(human).put(" *");
  }
}

}  // namespace

void put_pointer_name(TextWriter& out, const uniqtype_record& pointee) {
  switch (pointee.kind) {
    case Kind::address:
    case Kind::array:
    case Kind::subprogram:
      return put_pointer_to_declarator(out, pointee.human_name);
    default:  // a name, whatever its template arguments look like
      out.put(pointee.human_name).put(" *");
  }
}

uniqtype* pointer_to(Interner& interner, uniqtype* target) {
  if (target == nullptr) return nullptr;
  uniqtype_record& pointee = record_of(*target);
  if (uniqtype* made = pointee.pointer.load(std::memory_order_acquire)) return made;
  DerivedName names;
  TextWriter canonical(names.canonical, sizeof(names.canonical));
  TextWriter human(names.human, sizeof(names.human));
  canonical.put("__PTR_").put(pointee.name);
  put_pointer_name(human, pointee);
  uniqtype_record* record =
      interner.find_or_make({.hash = hash_of_address(AddressKind::pointer, pointee.hash),
                             .kind = Kind::address,
                             .size = sizeof(void*),
                             .name = canonical.text(),
                             .human_name = human.text()});
  if (record == nullptr) return nullptr;
  if (!record->complete.load(std::memory_order_acquire)) {
    const bool pointee_is_pointer = pointee.kind == Kind::address;
    uniqtype word = *record->type;
    word.un.address.indir_level =
        (pointee_is_pointer ? target->un.address.indir_level + 1u : 1u) & 0x1Fu;
    std::atomic_ref<unsigned>(record->type->un.as_word)
        .store(word.un.as_word, std::memory_order_relaxed);
    store(record->type->related[0].un.t.ptr, target);
    store(record->type->related[1].un.t.ptr,
          pointee_is_pointer ? target->related[1].un.t.ptr : target);
  }
  uniqtype* made = complete(record);
  pointee.pointer.store(made, std::memory_order_release);
  return made;
}

uniqtype* array_of(Interner& interner, uniqtype* element, std::uint64_t count) {
  if (element == nullptr) return nullptr;
  uniqtype_record& of = record_of(*element);
  const bool unbounded = count == kUnbounded;
  if (unbounded) {
    if (uniqtype* made = of.unbounded_array.load(std::memory_order_acquire)) return made;
  }
  std::uint64_t size = kUnknownSize;
  if (!unbounded && (of.size == kUnknownSize || __builtin_mul_overflow(of.size, count, &size)))
    return nullptr;
  char bounds_text[24];
  TextWriter bounds(bounds_text, sizeof(bounds_text));
  bounds.put('[');
  if (!unbounded) bounds.decimal(count);
  bounds.put(']');
  DerivedName names;
  TextWriter canonical(names.canonical, sizeof(names.canonical));
  TextWriter human(names.human, sizeof(names.human));
  canonical.put("__ARR").decimal(unbounded ? 0 : count).put('_').put(of.name);
  put_inside(human, of.human_name, bounds.text());
  uniqtype_record* record = interner.find_or_make({.hash = hash_of_array(of.hash, count),
                                                   .kind = Kind::array,
                                                   .size = size,
                                                   .count = count,
                                                   .name = canonical.text(),
                                                   .human_name = human.text()});
  if (record == nullptr) return nullptr;
  store(record->type->related[0].un.t.ptr, element);
  uniqtype* made = complete(record);
  if (unbounded) of.unbounded_array.store(made, std::memory_order_release);
  return made;
}

uniqtype* base_type(Interner& interner, std::uint8_t encoding, std::uint64_t size,
                    std::string_view name, std::string_view human_name, std::uint8_t flags) {
  const bool is_big_endian = (flags & kTypeBigEndian) != 0;
  uniqtype_record* record = interner.find_or_make(
      {.hash = hash_of_base(encoding, size, 0, 0, FloatFormat::by_size, is_big_endian),
       .kind = Kind::base,
       .detail = encoding,
       .flags = flags,
       .size = size,
       .name = name,
       .human_name = human_name});
  return record == nullptr ? nullptr : complete(record);
}

namespace {

DraftMember slot_member(const void* context, std::uint64_t index) {
  const CompositeSlot& slot = static_cast<const CompositeSlot*>(context)[index];
  return {.name = slot.name, .alias = slot.alias, .offset = slot.offset, .flags = slot.flags};
}

Hash128 hash_of_text(std::string_view text) {
  Hasher hasher;
  hasher.add(text);
  return hasher.finish();
}

}  // namespace

uniqtype* composite_of(Interner& interner, CompositeKind kind, const Hash128& hash,
                       std::string_view name, std::string_view human_name, std::uint64_t size,
                       const CompositeSlot* slots, std::uint64_t count) {
  uniqtype_record* record = interner.find_or_make({.hash = hash,
                                                   .kind = Kind::composite,
                                                   .detail = static_cast<std::uint8_t>(kind),
                                                   .size = size,
                                                   .count = count,
                                                   .name = name,
                                                   .human_name = human_name},
                                                  slot_member, slots);
  if (record == nullptr) return nullptr;
  for (std::uint64_t i = 0; i < count; ++i)
    store(record->type->related[i].un.memb.ptr, slots[i].type);
  return complete(record);
}

uniqtype* composite_by_content(Interner& interner, CompositeKind kind, std::string_view name,
                               std::string_view human_name, std::uint64_t size,
                               const CompositeSlot* slots, std::uint64_t count) {
  Hasher hasher = type_hasher(Kind::composite);
  hasher.add(static_cast<std::uint64_t>(kind));
  hasher.add(hash_of_text(name));
  hasher.add(size);
  hasher.add(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (slots[i].type == nullptr) return nullptr;
    hasher.add(slots[i].offset);
    hasher.add(hash_of_text(slots[i].name));
    hasher.add(std::uint64_t{slots[i].flags});
  }
  for (std::uint64_t i = 0; i < count; ++i) hasher.add(record_of(*slots[i].type).hash);
  return composite_of(interner, kind, hasher.finish(), name, human_name.empty() ? name : human_name,
                      size, slots, count);
}

}  // namespace allocs::types
