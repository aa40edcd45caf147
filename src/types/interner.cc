// SPDX-License-Identifier: Apache-2.0
#include "types/interner.h"

#include <cstring>

namespace allocs::types {

namespace {

constexpr std::uint64_t kMostSlots = 1u
                                     << 20;  // what the 20-bit member count of a uniqtype can hold

// Lays the parts of a block out one after the other: first to know the size, then again to place them.
class Layout {
 public:
  explicit Layout(std::byte* block) : block_(block) {}
  template <typename T>
  T* place(std::uint64_t count) {
    size_ = (size_ + alignof(T) - 1) & ~(alignof(T) - 1);
    T* at = block_ == nullptr ? nullptr : reinterpret_cast<T*>(block_ + size_);
    size_ += count * sizeof(T);
    return at;
  }
  char* place_text(std::string_view text) {
    char* at = place<char>(text.size() + 1);
    if (at != nullptr && !text.empty())
      std::memcpy(at, text.data(), text.size());  // the NUL is there: memory is zeroed
    return at;
  }
  std::size_t size() const { return size_; }

 private:
  std::byte* block_;
  std::size_t size_ = 0;
};

bool has_members(Kind kind) { return kind == Kind::composite || kind == Kind::enumeration; }

unsigned position_max_offset(const TypeDraft& draft) {
  return draft.size >= UNIQTYPE_POS_MAXOFF_UNBOUNDED ? UNIQTYPE_POS_MAXOFF_UNBOUNDED
                                                     : static_cast<unsigned>(draft.size);
}

void set_kind_word(uniqtype& u, const TypeDraft& draft) {
  u.un.as_word = 0;
  switch (draft.kind) {
    case Kind::array:
      u.un.array.is_array = 1;
      u.un.array.nelems = draft.count >= UNIQTYPE_ARRAY_LENGTH_UNBOUNDED
                              ? UNIQTYPE_ARRAY_LENGTH_UNBOUNDED
                              : static_cast<unsigned>(draft.count) & 0x7FFFFFFFu;
      return;
    case Kind::base:
      u.un.base.enc = draft.detail & 0x3Fu;
      if (draft.bit_size != 0) {
        const int delta = static_cast<int>(8 * draft.size) - draft.bit_size;
        u.un.base.bit_size_delta_delta = static_cast<signed char>(delta);
        u.un.base.bit_off = static_cast<short>(draft.bit_offset & 0x1FF);
      }
      break;
    case Kind::enumeration:
      u.un.enumeration.nenum = draft.count & 0x3FFFFFFu;
      break;
    case Kind::composite:
      u.un.composite.nmemb = draft.count & 0xFFFFFu;
      u.un.composite.not_simultaneous =
          draft.detail == static_cast<std::uint8_t>(CompositeKind::union_);
      break;
    case Kind::subprogram:
      u.un.subprogram.narg = draft.count & 0x3FFu;
      u.un.subprogram.nret = 1;
      u.un.subprogram.is_va = (draft.flags & kTypeVariadic) != 0;
      break;
    case Kind::address:
    case Kind::subrange:
    case Kind::void_:
      break;
  }
  u.un.info.kind = static_cast<unsigned>(draft.kind) & 0xFu;
}

}  // namespace

std::uint64_t related_slots(Kind kind, std::uint64_t count) {
  switch (kind) {
    case Kind::composite:
    case Kind::subprogram:
    case Kind::enumeration:
      return count + 1;
    case Kind::address:
      return 2;
    default:
      return 1;
  }
}

bool Interner::has_shape(const uniqtype_record& record, const TypeDraft& draft) {
  return record.kind == draft.kind && record.count == draft.count && record.size == draft.size;
}

namespace {

// From `root` to the record of that hash, or to the empty place where it would be. Hashes of a damaged image may all
// take the same way: then it is long, but it ends.
template <typename Place>
Place* follow(Place* root, const Hash128& hash) {
  Place* place = root;
  for (std::uint64_t turns = hash.high;; turns >>= 2) {
    const uniqtype_record* record = place->load(std::memory_order_acquire);
    if (record == nullptr || record->hash == hash) return place;
    place = &const_cast<uniqtype_record*>(record)->further[turns & 3];
  }
}

}  // namespace

uniqtype_record* Interner::find(const Hash128& hash) const {
  return follow(&roots_[hash.low % kRoots], hash)->load(std::memory_order_acquire);
}

uniqtype* Interner::find_by_name(std::string_view name) const {
  uniqtype* declared = nullptr;
  for (auto* record = newest_.load(std::memory_order_acquire); record != nullptr;
       record = record->older.load(std::memory_order_acquire)) {
    if (!record->complete.load(std::memory_order_acquire) || name != record->name) continue;
    if ((record->flags & kTypeIncomplete) == 0) return record->type;
    declared = record->type;
  }
  return declared;
}

uniqtype_record* Interner::find_or_make(const TypeDraft& draft, MemberSource members,
                                        const void* context) {
  uniqtype_record* made = nullptr;
  for (;;) {
    Place* const place = follow(&roots_[draft.hash.low % kRoots], draft.hash);
    if (auto* record = place->load(std::memory_order_acquire))
      return has_shape(*record, draft) ? record : nullptr;
    if (made == nullptr) made = make(draft, members, context);
    if (made == nullptr) return nullptr;
    uniqtype_record* none = nullptr;
    if (place->compare_exchange_strong(none, made, std::memory_order_acq_rel)) break;
    // Somebody was faster: look again; what we made is lost if it was the same type (a few hundred bytes, once).
  }
  uniqtype_record* before = newest_.load(std::memory_order_relaxed);
  do {
    made->older.store(before, std::memory_order_relaxed);
  } while (!newest_.compare_exchange_weak(before, made, std::memory_order_acq_rel));
  return made;
}

uniqtype_record* Interner::make(const TypeDraft& draft, MemberSource members, const void* context) {
  if (!is_open()) return nullptr;
  const bool composite = draft.kind == Kind::composite;
  const std::uint64_t named = has_members(draft.kind) ? draft.count : 0;
  const std::uint64_t slots = related_slots(draft.kind, draft.count);
  if (slots > kMostSlots || (named != 0 && members == nullptr)) return nullptr;

  std::byte* block = nullptr;
  for (int pass = 0; pass < 2; ++pass) {
    Layout layout(block);
    auto* record = layout.place<uniqtype_record>(1);
    auto* type = reinterpret_cast<uniqtype*>(layout.place<std::uint64_t>(
        (sizeof(uniqtype) + slots * sizeof(uniqtype_rel_info)) / sizeof(std::uint64_t)));
    const char** names = named == 0 ? nullptr : layout.place<const char*>(named + 1);
    const char** aliases = composite && named != 0 ? layout.place<const char*>(named) : nullptr;
    std::uint8_t base_flags = 0;
    std::uint8_t* flags = composite && named != 0 ? layout.place<std::uint8_t>(named) : nullptr;
    char* name = layout.place_text(draft.name);
    char* human = draft.human_name.empty() ? name : layout.place_text(draft.human_name);
    char* file = draft.file.empty() ? nullptr : layout.place_text(draft.file);
    for (std::uint64_t i = 0; i < named; ++i) {
      const DraftMember member = members(context, i);
      char* text = layout.place_text(member.name);
      char* alias = composite && !member.alias.empty() ? layout.place_text(member.alias) : nullptr;
      if (block == nullptr) continue;
      names[i] = text;
      if (composite) {
        aliases[i] = alias;
        flags[i] = member.flags;
        if ((member.flags & kMemberBaseClass) != 0) base_flags |= member.flags;
        type->related[i].un.memb.off = member.offset & ((std::uint64_t{1} << 56) - 1);
        type->related[i].un.memb.may_be_invalid = (member.flags & kMemberVirtualBase) != 0;
      } else {
        type->related[i + 1].un.enumerator.val = member.value;
      }
    }
    if (block == nullptr) {
      block = static_cast<std::byte*>(memory_.allocate(layout.size()));
      if (block == nullptr) return nullptr;
      bytes_used_.fetch_add(layout.size(), std::memory_order_relaxed);
      continue;
    }
    record->hash = draft.hash;
    record->kind = draft.kind;
    record->detail = draft.detail;
    record->flags = draft.flags;
    record->align_log2 = draft.align_log2;
    record->base_flags = base_flags;
    record->bit_size = draft.bit_size;
    record->bit_offset = draft.bit_offset;
    record->line = draft.line;
    record->slots = static_cast<std::uint32_t>(slots);
    record->size = draft.size;
    record->count = draft.count;
    record->name = name;
    record->human_name = human;
    record->file = file;
    record->member_names = names;
    record->member_aliases = aliases;
    record->member_flags = flags;
    record->type = type;
    type->record = record;
    type->pos_maxoff = position_max_offset(draft);
    set_kind_word(*type, draft);
    if (composite) type->related[draft.count].un.memb_names.n = names;
    return record;
  }
  return nullptr;
}

}  // namespace allocs::types
