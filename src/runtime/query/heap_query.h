// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/index/find_block.h"
#include "runtime/index/tables.h"
#include "runtime/query/answer.h"
#include "runtime/query/process.h"

// Blocks of malloc: bounds from the heap shadow, the type from the site that allocated them.
namespace allocs::query {

// Does the type that the site stands for agree with the size that was asked for? A whole number of elements, or one object, or
// an object with a flexible end.
inline bool type_fits(const types::Image& image, const types::SiteRecord& site, std::uint64_t size) {
  const types::TypeRecord* type = image.type(site.type);
  if (type == nullptr) return false;
  if (type->kind == types::Kind::array && type->count == types::kUnbounded) type = image.type(type->target);
  if (type == nullptr || type->size == types::kUnknownSize || type->size == 0) return false;
  switch (site.shape) {
    case types::Shape::one:
      return size == type->size;
    case types::Shape::array:
      return size != 0 && size % type->size == 0;
    case types::Shape::flexible:
      return size >= type->size;
    case types::Shape::unknown:
      return false;
  }
  return false;
}

inline std::uint32_t evidence_of(const types::SiteRecord& site) {
  std::uint32_t evidence = 0;
  if (site.provenance == types::Provenance::new_expression) evidence |= ALLOC_EV_SITE_NEW;
  if ((site.evidence & (types::kSiteTargetVariable | types::kSiteTargetField | types::kSiteArgument)) != 0) {
    evidence |= ALLOC_EV_SITE_TARGET;
  }
  if ((site.evidence & (types::kSiteConstantSizeFits | types::kSiteStrideFits)) != 0) evidence |= ALLOC_EV_SITE_SIZE;
  return evidence;
}

inline std::uint8_t grade_of(const types::SiteRecord& site) {
  if (site.provenance == types::Provenance::new_expression) return ALLOC_GRADE_EXACT;
  const bool size_fits = (site.evidence & (types::kSiteConstantSizeFits | types::kSiteStrideFits)) != 0;
  const bool has_target = (site.evidence & ~(types::kSiteConstantSizeFits | types::kSiteStrideFits)) != 0;
  return size_fits && has_target ? ALLOC_GRADE_STRONG : ALLOC_GRADE_PLAUSIBLE;
}

template <Process P>
void set_type_from_site(const P& process, const index::SiteRecord& where, std::uint64_t size, Answer& answer) {
  if (where.instance == 0) return answer.set_no_type(ALLOC_E_NO_METADATA);
  const Object* object = process.find_instance(where.instance);
  if (object == nullptr) return answer.set_no_type(ALLOC_E_NO_METADATA);
  if (!object->image) return answer.set_no_type(object->image_error);
  const types::Image& image = *object->image;
  const types::SiteRecord* site = image.find_site(where.offset);
  if (site == nullptr || site->type == types::kNoType) return answer.set_no_type(ALLOC_E_NO_TYPE);
  if ((site->flags & types::kSiteConflict) != 0 || !type_fits(image, *site, size)) {
    return answer.set_no_type(ALLOC_E_CONFLICT);
  }
  answer.evidence |= evidence_of(*site) | ALLOC_EV_DEBUG_INFORMATION;
  if (uniqtype* type = process.types().type(*object, site->type)) {
    answer.set_type(type, grade_of(*site));
  } else {
    answer.set_no_type(process.types().may_make ? ALLOC_E_NO_MEMORY : ALLOC_E_NOT_YET);
  }
}

// Context: signal if process.types() may not make types.
template <Process P>
Answer query_heap(const P& process, Address at) {
  const index::Root* root = process.root();
  if (root == nullptr) return {};
  const auto block = index::find_block(process.tables(), *root, at);
  if (!block) return {};
  if (block->state == index::BlockState::in_flux) return Answer::cannot_tell(ALLOC_E_BEING_RESIZED);
  const std::uint64_t size = block->size == 0 ? 1 : block->size;
  Answer answer = Answer::of(root->malloc_kind == index::MallocKind::libc ? Allocator::lib_malloc : Allocator::program_malloc,
                             {block->base, block->base + size}, ALLOC_EV_HEAP_INDEX);
  answer.is_empty = block->size == 0;
  const auto where = index::site_record_of(process.tables(), *root, block->site);
  if (!where || block->site < index::kFirstSite) {
    answer.set_no_type(ALLOC_E_NO_METADATA);
    return answer;
  }
  answer.site = where->return_address;
  set_type_from_site(process, *where, block->size, answer);
  return answer;
}

}  // namespace allocs::query
