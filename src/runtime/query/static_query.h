// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elf/symbols.h"
#include "runtime/query/answer.h"
#include "runtime/query/process.h"

// Addresses inside a loaded object: a function, a variable, a string literal; else the section, the segment or the file around it.
namespace allocs::query {

inline Answer answer_from_symbol(const Object& object, const elf::SymbolTable& symbols,
                                 const std::optional<elf::SymbolRecord>& symbol) {
  if (!symbol || symbol->type == STT_TLS) return {};
  const Address begin = symbol->value + object.bias;
  Answer answer =
      Answer::of(Allocator::static_symbol, {begin, begin + (symbol->size == 0 ? 1 : symbol->size)},
                 ALLOC_EV_ELF_SYMBOL | ALLOC_EV_LINK_MAP);
  answer.name = symbol->name.data();  // ends in a NUL: it lies in a string section
  answer.is_function = symbol->type == STT_FUNC || symbol->type == STT_GNU_IFUNC;
  answer.set_no_type(object.image_error);
  if (symbol->size == 0) answer.base_grade = ALLOC_GRADE_PLAUSIBLE;
  if (symbols.shares_bytes(*symbol)) answer.evidence |= ALLOC_EV_SHARED_BYTES;
  return answer;
}

// What the symbols of the object's file say, for want of metadata: the innermost.
inline Answer answer_from_symbols(const Object& object, Address at) {
  const elf::SymbolTable symbols(object.file);
  return answer_from_symbol(object, symbols, symbols.containing(object.link_address(at)));
}
// The one directly in that part of the object.
inline Answer answer_from_symbols_in(const Object& object, AddressRange part, Address at) {
  const elf::SymbolTable symbols(object.file);
  const LinkAddress begin = object.link_address(part.begin);
  return answer_from_symbol(
      object, symbols, symbols.outermost_containing(object.link_address(at), begin, part.size()));
}

inline Answer answer_from_static(const TypeMaker& types, const Object& object,
                                 const types::StaticRecord& record) {
  const types::Image& image = *object.image;
  const Address begin = LinkAddress{record.address} + object.bias;
  Answer answer =
      Answer::of(Allocator::static_symbol, {begin, begin + record.size}, ALLOC_EV_LINK_MAP);
  const bool inferred = (record.flags & types::kStaticInferred) != 0;
  if (inferred) {
    answer.evidence |= ALLOC_EV_CODE_REFERENCE;
    answer.base_grade = ALLOC_GRADE_STRONG;
  } else if ((record.flags & types::kStaticFromSymbolOnly) != 0) {
    answer.evidence |= ALLOC_EV_ELF_SYMBOL;
  } else {
    answer.evidence |= ALLOC_EV_DEBUG_INFORMATION;
  }
  if ((record.flags & types::kStaticSharesBytes) != 0) answer.evidence |= ALLOC_EV_SHARED_BYTES;
  if ((record.flags & types::kStaticSizeGuessed) != 0) answer.base_grade = ALLOC_GRADE_PLAUSIBLE;
  if (record.name != 0) answer.name = image.text(record.name);
  answer.is_function = record.kind == types::StaticKind::function;
  if (record.type == types::kNoType || !types.are_wanted) {
    answer.set_no_type(ALLOC_E_NO_TYPE);
  } else if (uniqtype* type = types.type(object, record.type)) {
    answer.set_type(type, inferred ? ALLOC_GRADE_STRONG : ALLOC_GRADE_EXACT);
  } else {
    answer.set_no_type(types.may_make ? ALLOC_E_NO_MEMORY : ALLOC_E_NOT_YET);
  }
  return answer;
}

inline Answer answer_from_region(const Object& object, types::Table table, Allocator allocator,
                                 Address at) {
  const auto* region = object.image->find_region(table, raw(object.link_address(at)));
  if (region == nullptr) return {};
  const Address begin = LinkAddress{region->address} + object.bias;
  Answer answer =
      Answer::of(allocator, {begin, begin + region->size}, ALLOC_EV_SECTION | ALLOC_EV_LINK_MAP);
  if (region->name != 0) answer.name = object.image->text(region->name);
  return answer;
}

// Calls visit(AddressRange) for each loadable segment that the metadata, or else the file, tells of.
template <typename Visit>
void for_each_segment(const Object& object, Visit&& visit) {
  if (object.image) {
    for (const auto& region : object.image->table<types::RegionRecord>(types::Table::segments)) {
      if (!object.image->is_sound(&region, sizeof region)) return;
      const Address begin = LinkAddress{region.address} + object.bias;
      visit(AddressRange{begin, begin + region.size});
    }
    return;
  }
  const auto header = object.file.header();
  const std::size_t count = header ? header->e_phnum : 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto segment = object.file.program_header(i);
    if (!segment || segment->p_type != PT_LOAD) continue;
    const Address begin = LinkAddress{segment->p_vaddr} + object.bias;
    visit(AddressRange{begin, begin + segment->p_memsz});
  }
}

inline Answer answer_from_segment(const Object& object, Address at) {
  Answer answer;
  for_each_segment(object, [&](AddressRange range) {
    if (range.contains(at) && answer.error != ALLOC_OK)
      answer = Answer::of(Allocator::static_segment, range, ALLOC_EV_LINK_MAP);
  });
  return answer;
}

// `at` is in the object, but in none of its segments: the space between them, or up to the end of the last page.
inline AddressRange between_segments(const Object& object, Address at) {
  AddressRange range = object.range;
  for_each_segment(object, [&](AddressRange segment) {
    if (segment.end <= at && segment.end > range.begin) range.begin = segment.end;
    if (segment.begin > at && segment.begin < range.end) range.end = segment.begin;
  });
  return range;
}

inline Answer answer_from_segment_of(const Object& object, Address at) {
  return object.image
             ? answer_from_region(object, types::Table::segments, Allocator::static_segment, at)
             : answer_from_segment(object, at);
}

inline Answer answer_from_file(const Object& object) {
  Answer answer = Answer::of(Allocator::static_file, object.range, ALLOC_EV_LINK_MAP);
  answer.name = object.path;
  return answer;
}

// `at` lies in object.range. Never answers "nothing there". Context: signal if `types` may not make any.
inline Answer query_static(const TypeMaker& types, const Object& object, Address at) {
  Answer answer;
  if (object.image) {
    if (const auto* record = object.image->find_static(raw(object.link_address(at)))) {
      return answer_from_static(types, object, *record);
    }
    answer = answer_from_region(object, types::Table::sections, Allocator::static_section, at);
  } else {
    answer = answer_from_symbols(object, at);
  }
  if (answer.error != ALLOC_OK) answer = answer_from_segment_of(object, at);
  if (answer.error != ALLOC_OK) answer = answer_from_file(object);
  if (!object.image) answer.set_no_type(object.image_error);
  return answer;
}

}  // namespace allocs::query
