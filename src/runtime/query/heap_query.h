// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/index/find_block.h"
#include "runtime/index/tables.h"
#include "runtime/query/answer.h"
#include "runtime/query/class_of_object.h"
#include "runtime/query/process.h"

// Blocks of malloc: bounds from the heap shadow, the type from the site that allocated them.
namespace allocs::query {

// What the metadata says of one allocation site. The same for every block of it, so that it can be kept.
struct SiteFacts {
  Address return_address{};
  const char* function = nullptr;  // that the site is in
  const char* object = nullptr;    // path
  uniqtype* type = nullptr;        // of the whole block
  int type_error = ALLOC_E_NO_METADATA;
  std::uint64_t unit =
      0;  // bytes of one object, or of one element; of shape `flexible` the least that its members take; 0: not known
  types::Shape shape = types::Shape::unknown;
  std::uint8_t grade = ALLOC_GRADE_NONE;
  std::uint32_t evidence = 0;
  bool is_in_loader = false;  // the dynamic linker's: perhaps a block of thread-locals
  bool is_final = false;      // will not change any more
};

// Does a block of that size agree with the type? A whole number of elements, or one object, or an object with a flexible end.
inline bool fits(const SiteFacts& facts, std::uint64_t size) {
  if (facts.unit == 0) return false;
  switch (facts.shape) {
    case types::Shape::one:
      return size == facts.unit;
    case types::Shape::array:
      return size != 0 && size % facts.unit == 0;
    case types::Shape::flexible:
      return size >= facts.unit;
    case types::Shape::unknown:
      return false;
  }
  return false;
}

inline std::uint32_t evidence_of(const types::SiteRecord& site) {
  std::uint32_t evidence = 0;
  if (site.provenance == types::Provenance::new_expression) evidence |= ALLOC_EV_SITE_NEW;
  if ((site.evidence &
       (types::kSiteTargetVariable | types::kSiteTargetField | types::kSiteArgument)) != 0) {
    evidence |= ALLOC_EV_SITE_TARGET;
  }
  if ((site.evidence & (types::kSiteConstantSizeFits | types::kSiteStrideFits)) != 0)
    evidence |= ALLOC_EV_SITE_SIZE;
  if ((site.flags & types::kSiteUsedAsTold) != 0) evidence |= ALLOC_EV_SITE_USE;
  if ((site.evidence & types::kSiteCallEntry) != 0) evidence |= ALLOC_EV_CALL_ENTRY;
  // What std::allocator does is a fact; that it is std::allocator's code, and whose, is debug information.
  if ((site.evidence & types::kSiteAllocator) != 0) evidence |= ALLOC_EV_LIBRARY_FACT;
  const bool is_library_fact = (site.evidence & types::kSiteLibraryFact) != 0;
  return evidence | (is_library_fact ? ALLOC_EV_LIBRARY_FACT : ALLOC_EV_DEBUG_INFORMATION);
}

inline std::uint8_t grade_of(const types::SiteRecord& site) {
  if (site.provenance == types::Provenance::new_expression) return ALLOC_GRADE_EXACT;
  if (site.provenance == types::Provenance::call_entry) return ALLOC_GRADE_STRONG;
  // The source says sizeof(T); a pointer to something else that receives the block leaves a doubt.
  if (site.provenance == types::Provenance::size_arithmetic) {
    const bool is_doubtful = (site.flags & types::kSiteTargetDisagrees) != 0;
    return is_doubtful ? ALLOC_GRADE_PLAUSIBLE : ALLOC_GRADE_STRONG;
  }
  // What a library documents that it allocates there.
  if ((site.evidence & (types::kSiteAllocator | types::kSiteLibraryFact)) != 0)
    return ALLOC_GRADE_STRONG;
  // A pointer to bytes that receives the block, and all that the source does with it.
  if ((site.flags & types::kSiteUsedAsTold) != 0) return ALLOC_GRADE_STRONG;
  const bool size_fits =
      (site.evidence & (types::kSiteConstantSizeFits | types::kSiteStrideFits)) != 0;
  const bool has_target =
      (site.evidence & ~(types::kSiteConstantSizeFits | types::kSiteStrideFits)) != 0;
  return size_fits && has_target ? ALLOC_GRADE_STRONG : ALLOC_GRADE_PLAUSIBLE;
}

inline std::uint64_t unit_of(const types::Image& image, types::TypeIndex index) {
  const types::TypeRecord* type = image.type(index);
  if (type != nullptr && type->kind == types::Kind::array && type->count == types::kUnbounded)
    type = image.type(type->target);
  return type == nullptr || type->size == types::kUnknownSize ? 0 : type->size;
}

// The bytes that the members of a type take whose last one may go on (T[], T[0], T[1]), with one element where it has one: less than its size where that is
// rounded up. `struct string { size_t length; char text[1]; }` is 16 bytes, but 9 are an empty string.
inline std::uint64_t least_of(const types::Image& image, types::TypeIndex index) {
  constexpr int kDeepest = 8;
  constexpr auto kUnion = static_cast<std::uint8_t>(types::CompositeKind::union_);
  const std::uint64_t whole = unit_of(image, index);
  std::uint64_t offset = 0;
  const types::TypeRecord* type = image.type(index);
  for (int depth = 0; type != nullptr && depth < kDeepest; ++depth) {
    const auto members = image.members_of(*type);
    const bool is_record = type->kind == types::Kind::composite && type->detail != kUnion;
    if (!is_record || members.empty() || !types::has_place(members.back())) return whole;
    offset += members.back().offset;
    type = image.type(members.back().type);
    if (type == nullptr || type->kind != types::Kind::array) continue;
    const bool is_open = type->count == types::kUnbounded || type->count <= 1;
    const std::uint64_t first = type->count == 1 ? unit_of(image, type->target) : 0;
    return is_open && offset != 0 ? offset + first : whole;
  }
  return whole;
}

// The same of the member that takes the least.
inline std::uint64_t least_of_members(const types::Image& image, types::TypeIndex index) {
  const types::TypeRecord* type = image.type(index);
  if (type == nullptr || type->kind != types::Kind::composite) return unit_of(image, index);
  std::uint64_t least = type->size;
  for (const types::MemberRecord& member : image.members_of(*type))
    least = std::min(least, least_of(image, member.type));
  return least;
}

// The type that `site`, of that object, has.
template <Process P>
[[gnu::always_inline]] inline void set_type_of_site(const P& process, const Object& object,
                                                    const types::SiteRecord& site,
                                                    SiteFacts& facts) {
  facts.type = process.types().type(object, site.type);
  facts.type_error = facts.type != nullptr      ? ALLOC_OK
                     : process.types().may_make ? ALLOC_E_NO_MEMORY
                                                : ALLOC_E_NOT_YET;
  facts.is_final = facts.type != nullptr;
  facts.unit = (site.flags & types::kSiteOneOf) != 0  ? least_of_members(*object.image, site.type)
               : site.shape == types::Shape::flexible ? least_of(*object.image, site.type)
                                                      : unit_of(*object.image, site.type);
  facts.shape = site.shape;
  facts.grade = grade_of(site);
  facts.evidence = evidence_of(site);
}

template <Process P>
SiteFacts read_site_facts(const P& process, const index::SiteRecord& where) {
  SiteFacts facts{.return_address = where.return_address};
  const Object* object = where.instance == 0 ? nullptr : process.find_instance(where.instance);
  if (object == nullptr) return facts;
  facts.object = object->path;
  facts.is_in_loader = object->is_loader;
  facts.is_final = object->is_settled || object->image.has_value();
  facts.type_error = object->image ? ALLOC_E_NO_TYPE : object->image_error;
  const types::SiteRecord* site = object->image ? object->image->find_site(where.offset) : nullptr;
  if (site == nullptr) return facts;
  facts.function = object->image->text(site->function);
  // What the program has stated is known in its own process only.
  if ((where.flags & index::kSiteTyped) != 0) return facts;
  if ((site->flags & types::kSiteConflict) != 0) facts.type_error = ALLOC_E_CONFLICT;
  // The hook stepped out of wrappers as far as it could.
  if ((site->flags & types::kSiteWrapper) != 0 && site->type == types::kNoType)
    facts.type_error = ALLOC_E_IN_WRAPPER;
  if (site->type == types::kNoType || (site->flags & types::kSiteConflict) != 0) return facts;
  set_type_of_site(process, *object, *site, facts);
  return facts;
}

inline void set_type_from_site(const SiteFacts& facts, std::uint64_t size, Answer& answer) {
  if (facts.type == nullptr) return answer.set_no_type(facts.type_error);
  if (!fits(facts, size)) return answer.set_no_type(ALLOC_E_CONFLICT);
  answer.evidence |= facts.evidence;
  answer.set_type(facts.type, facts.grade);
}

// What was read must have lain in that block: it may have been freed, and be another's, meanwhile.
template <Process P>
[[gnu::noinline]] void look_into_block(const P& process, const index::Block& block,
                                       Answer& answer) {
  if (!process.may_look_into_blocks()) {
    if (may_be_object(block.size) && process.may_look_if_waiting())
      answer.set_no_type(ALLOC_E_NOT_YET);
    return;
  }
  Answer with_type = answer;
  set_type_from_object(process, {block.base, block.base + block.size}, with_type);
  if (with_type.type == nullptr) return;
  const auto now = index::find_block(process.tables(), *process.root(), block.base);
  const bool is_same = now && now->state == block.state && now->base == block.base &&
                       now->size == block.size && now->site == block.site;
  if (is_same) answer = with_type;
}

// Context: signal if process.types() may not make types.
template <Process P>
Answer answer_for(const P& process, const index::Block& block) {
  const std::uint64_t size = block.size == 0 ? 1 : block.size;
  Answer answer =
      Answer::of(process.root()->malloc_kind == index::MallocKind::libc ? Allocator::lib_malloc
                                                                        : Allocator::program_malloc,
                 {block.base, block.base + size}, ALLOC_EV_HEAP_INDEX);
  answer.is_empty = block.size == 0;
  const SiteFacts facts = process.site_facts(block.site);
  answer.site = facts.return_address;
  answer.site_function = facts.function;
  answer.site_object = facts.object;
  answer.is_by_loader = facts.is_in_loader;
  set_type_from_site(facts, block.size, answer);
  if (answer.type == nullptr && process.types().are_wanted && process.knows_virtual_tables())
    look_into_block(process, block, answer);
  return answer;
}

// Context: signal if process.types() may not make types.
template <Process P>
Answer query_heap(const P& process, Address at) {
  const index::Root* root = process.root();
  if (root == nullptr) return {};
  const auto block = index::find_block(process.tables(), *root, at);
  if (!block) return {};
  if (block->state == index::BlockState::in_flux) return Answer::cannot_tell(ALLOC_E_BEING_RESIZED);
  return answer_for(process, *block);
}

}  // namespace allocs::query
