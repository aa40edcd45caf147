// SPDX-License-Identifier: Apache-2.0
#include "allocs.h"
#include "base/export.h"
#include "base/public_names.h"
#include "runtime/preload/info.h"
#include "runtime/preload/memory_words.h"
#include "runtime/preload/used_pages.h"
#include "runtime/query/heap_query.h"
#include "runtime/query/object_reader.h"
#include "runtime/self/ask.h"
#include "types/pointer_fields.h"

// The public functions that walk: over the heap, and over the pointers of an object.

namespace {

using allocs::Address;
using allocs::address_of;
using allocs::preload::WordWindow;
using allocs::query::Answer;
using allocs::self::SelfProcess;

}  // namespace

extern "C" {

ALLOCS_EXPORT int alloc_walk_blocks(unsigned flags, alloc_visit_block* visit, void* context) {
  if (visit == nullptr || (flags & ~unsigned{ALLOC_NOWAIT}) != 0) return ALLOC_E_INVALID;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(allocs::preload::mode_of(flags), here);
  if (process.root()->malloc_kind == allocs::index::MallocKind::bypassed) return ALLOC_E_UNINDEXED;
  int result = 0;
  allocs::preload::for_each_block(process, [&](const allocs::index::Block& block) {
    const Answer answer =
        allocs::self::ask_whole_images([&] { return allocs::query::answer_for(process, block); });
    alloc_info info;
    allocs::preload::put_info(answer, info);
    result = visit(&info, context);
    return result == 0;
  });
  return result;
}

ALLOCS_EXPORT int alloc_walk_references(const void* obj, unsigned flags,
                                        alloc_visit_reference* visit, void* context) {
  if (visit == nullptr || flags != 0) return ALLOC_E_INVALID;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(SelfProcess::Mode::wait, here);
  const Answer answer = allocs::self::ask(process, address_of(obj));
  if (answer.error != ALLOC_OK) return answer.error;
  if (answer.type == nullptr) return answer.type_error;
  if (!process.knows_mappings()) return ALLOC_E_NOT_YET;
  const allocs::types::ObjectReader reader = allocs::query::object_reader(process);
  WordWindow words(answer.range.end);
  int result = 0;
  allocs::types::for_each_pointer_field(
      answer.type, answer.range.begin, answer.range.size(),
      [&](Address at, const uniqtype& type) {
        std::uint64_t word = 0;
        if (!words.read(at, word)) return false;
        const alloc_reference reference{.at = allocs::preload::pointer(at),
                                        .target = allocs::preload::pointer(Address{word}),
                                        .type = const_cast<uniqtype*>(&type),
                                        .reserved = {}};
        result = visit(&reference, context);
        return result == 0;
      },
      &reader);
  return result;
}

ALLOCS_WALK_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)
}
