// SPDX-License-Identifier: Apache-2.0
#include "types/instantiate.h"

#include <bit>
#include <cstring>

// From records of an image to uniqtypes, without a lock.
//
// A client reads `related[]` raw, so a uniqtype may be handed out only when everything reachable from it is filled. Types are
// cyclic, and two threads (or two images) may come with overlapping graphs at once. Three steps:
//
//   1. claim     every type reachable from the wanted one gets its record in the interner, found by content hash or made with
//                everything but the pointers of `related`. All threads end up with the same records.
//   2. fill      `related` of each claimed record. What is written depends on the content hash alone, so threads that fill the
//                same record write the same values; a store of a pointer is atomic.
//   3. complete  each record is marked, and its slot in the image's table published, with release order.
//
// A record that is found complete needs no descent: its whole closure was filled before it was marked. A thread that dies in the
// middle leaves records that are claimed and not complete; the next one fills them again.
//
// Example: struct node { struct node *next; int value; }. Claimed: node, node*, int. Filled: node -> {node*, int},
// node* -> {node, node}. Then all three are complete.
namespace allocs::types {

namespace {

// The claimed records by type index, and the indices in the order they were claimed: the work list. An open hash table that
// takes more scratch memory as it fills, because few types are reachable from one among the many of an image.
class Claims {
 public:
  explicit Claims(ScratchMemory scratch) : scratch_(scratch) { grow(); }
  ~Claims() { release(); }
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;

  bool is_open() const { return claims_ != nullptr; }
  uniqtype_record* record(TypeIndex index) const {
    const std::uint32_t number = places_[place_of(index)];
    return number == 0 ? nullptr : claims_[number - 1].record;
  }
  // False if memory runs out.
  bool add(TypeIndex index, uniqtype_record* record) {
    if (count_ == capacity_ && !grow()) return false;
    claims_[count_++] = {record, index};
    places_[place_of(index)] = count_;
    return true;
  }
  std::size_t count() const { return count_; }
  TypeIndex at(std::size_t i) const { return claims_[i].index; }

 private:
  struct Claim {
    uniqtype_record* record;
    TypeIndex index;
  };
  static constexpr std::uint32_t kFirst = 128;  // with their places less than a page
  static std::uint32_t places_for(std::uint32_t capacity) { return std::bit_ceil(capacity) * 2; }
  static std::size_t bytes_for(std::uint32_t capacity) {
    return capacity * sizeof(Claim) + places_for(capacity) * sizeof(std::uint32_t);
  }

  // Where the index is, or the empty place where it would be: at most half of them are taken.
  std::size_t place_of(TypeIndex index) const {
    const std::size_t mask = places_for(capacity_) - 1;
    std::size_t at = (index * 0x9E3779B1u >> 8) & mask;
    while (places_[at] != 0 && claims_[places_[at] - 1].index != index) at = (at + 1) & mask;
    return at;
  }

  bool grow() {
    const std::uint32_t capacity = capacity_ == 0 ? kFirst : capacity_ * 4;
    void* const memory = scratch_.take(bytes_for(capacity));
    if (memory == nullptr) return false;
    const Claim* const old = claims_;
    auto* const claims = static_cast<Claim*>(memory);
    if (count_ != 0) std::memcpy(claims, old, count_ * sizeof(Claim));
    release();
    capacity_ = capacity;
    claims_ = claims;
    places_ = reinterpret_cast<std::uint32_t*>(claims + capacity);
    for (std::uint32_t i = 0; i < count_; ++i) places_[place_of(claims_[i].index)] = i + 1;
    return true;
  }

  void release() {
    if (claims_ != nullptr) scratch_.give_back(claims_, bytes_for(capacity_));
  }

  ScratchMemory scratch_;
  std::uint32_t count_ = 0;
  std::uint32_t capacity_ = 0;
  Claim* claims_ = nullptr;
  std::uint32_t* places_ = nullptr;  // 0: free, else the number of the claim, from 1
};

struct MemberContext {
  const Image* image;
  const TypeRecord* type;
};

DraftMember member_at(const void* context, std::uint64_t index) {
  const auto& [image, type] = *static_cast<const MemberContext*>(context);
  if (type->kind == Kind::enumeration) {
    const EnumeratorRecord& enumerator = image->enumerators_of(*type)[index];
    return {.name = image->text(enumerator.name), .value = enumerator.value};
  }
  const MemberRecord& member = image->members_of(*type)[index];
  return {.name = image->text(member.name),
          .alias = image->text(member.alias),
          .offset = member.offset,
          .flags = static_cast<std::uint8_t>(member.flags)};
}

TypeDraft draft_of(const Image& image, const TypeRecord& type) {
  return {.hash = type.hash,
          .kind = type.kind,
          .detail = type.detail,
          .flags = type.flags,
          .align_log2 = type.align_log2,
          .bit_size = type.bit_size,
          .bit_offset = type.bit_offset,
          .line = type.line,
          .size = type.size,
          .count = type.count,
          .name = image.text(type.name),
          .human_name = image.text(type.human_name),
          .file = image.text(type.file)};
}

bool counts_are_sane(const Image& image, const TypeRecord& type) {
  switch (type.kind) {
    case Kind::composite:
    case Kind::subprogram:
      return image.members_of(type).size() == type.count;
    case Kind::enumeration:
      return image.enumerators_of(type).size() == type.count;
    case Kind::void_:
    case Kind::array:
    case Kind::base:
    case Kind::address:
    case Kind::subrange:
      return true;
  }
  return false;
}

// Reads all that the type's record in the interner will be made of, since that is for ever: is it whole?
bool is_whole(const Image& image, const TypeRecord& type) {
  draft_of(image, type);
  for (const MemberRecord& member : image.members_of(type)) {
    image.text(member.name);
    image.text(member.alias);
  }
  for (const EnumeratorRecord& enumerator : image.enumerators_of(type)) image.text(enumerator.name);
  return !image.is_damaged();
}

bool claim(Interner& interner, const Image& image, Claims& claims, TypeIndex index) {
  const TypeRecord* type = image.type(index);
  if (type == nullptr || !counts_are_sane(image, *type)) return false;
  if (claims.record(index) != nullptr) return true;
  if (!is_whole(image, *type)) return false;
  const MemberContext context{&image, type};
  uniqtype_record* record = interner.find_or_make(draft_of(image, *type), member_at, &context);
  if (record == nullptr) return false;
  return claims.add(index, record);
}

bool claim_reachable(Interner& interner, const Image& image, Claims& claims, TypeIndex start) {
  if (!claim(interner, image, claims, start)) return false;
  for (std::size_t i = 0; i < claims.count(); ++i) {
    const TypeIndex index = claims.at(i);
    if (claims.record(index)->complete.load(std::memory_order_acquire)) continue;
    const TypeRecord& type = *image.type(index);
    if (type.target != kNoType && !claim(interner, image, claims, type.target)) return false;
    for (const MemberRecord& member : image.members_of(type)) {
      if (member.type != kNoType && !claim(interner, image, claims, member.type)) return false;
    }
  }
  return true;
}

void store(uniqtype*& slot, uniqtype* value) {
  std::atomic_ref<uniqtype*>(slot).store(value, std::memory_order_relaxed);
}

// What is left when all indirections are followed. Bounded: a damaged image may have a pointer that points to itself.
uniqtype* ultimate_target(const Image& image, const Claims& claims, TypeIndex index,
                          uniqtype* nearest, unsigned& levels) {
  uniqtype* last = nearest;
  for (levels = 1; levels < 31; ++levels) {
    const TypeRecord* type = image.type(index);
    if (type == nullptr || type->kind != Kind::address) return last;
    index = type->target;
    if (index == kNoType || image.type(index) == nullptr || claims.record(index) == nullptr)
      return last;
    last = claims.record(index)->type;
  }
  return last;
}

void fill(const Image& image, const Claims& claims, TypeIndex index) {
  const TypeRecord& type = *image.type(index);
  uniqtype& u = *claims.record(index)->type;
  uniqtype* target = type.target == kNoType ? nullptr : claims.record(type.target)->type;
  const auto members = image.members_of(type);
  switch (type.kind) {
    case Kind::composite:
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (members[i].type != kNoType)
          store(u.related[i].un.memb.ptr, claims.record(members[i].type)->type);
      }
      return;
    case Kind::subprogram:
      store(u.related[0].un.t.ptr, target);
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (members[i].type != kNoType)
          store(u.related[i + 1].un.t.ptr, claims.record(members[i].type)->type);
      }
      return;
    case Kind::address: {
      unsigned levels = 1;
      store(u.related[0].un.t.ptr, target);
      store(u.related[1].un.t.ptr, ultimate_target(image, claims, type.target, target, levels));
      uniqtype word = u;
      word.un.address.indir_level = levels & 0x1F;
      std::atomic_ref<unsigned>(u.un.as_word).store(word.un.as_word, std::memory_order_relaxed);
      return;
    }
    case Kind::array:
    case Kind::enumeration:
    case Kind::subrange:
      store(u.related[0].un.t.ptr, target);
      return;
    case Kind::void_:
    case Kind::base:
      return;
  }
}

}  // namespace

uniqtype* instantiate(Interner& interner, const Image& image, TypeSlots slots,
                      ScratchMemory scratch, TypeIndex index) {
  if (uniqtype* ready = instantiated(slots, index)) return ready;
  if (index >= slots.size() || slots.size() != image.types().size()) return nullptr;

  const TypeRecord* const type = image.type(index);
  if (type == nullptr) return nullptr;
  if (const uniqtype_record* known = interner.find(type->hash);
      known != nullptr && known->complete.load(std::memory_order_acquire)) {
    slots[index].store(known->type, std::memory_order_release);
    return known->type;
  }

  Claims claims(scratch);
  if (!claims.is_open() || !claim_reachable(interner, image, claims, index)) return nullptr;
  for (std::size_t i = 0; i < claims.count(); ++i) {
    if (!claims.record(claims.at(i))->complete.load(std::memory_order_acquire)) {
      fill(image, claims, claims.at(i));
    }
  }
  // Every claimed record and all that it refers to is filled.
  for (std::size_t i = 0; i < claims.count(); ++i) {
    claims.record(claims.at(i))->complete.store(true, std::memory_order_release);
    slots[claims.at(i)].store(claims.record(claims.at(i))->type, std::memory_order_release);
  }
  return slots[index].load(std::memory_order_acquire);
}

}  // namespace allocs::types
