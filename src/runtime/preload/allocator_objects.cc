// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/allocator_objects.h"

#include "base/export.h"
#include "runtime/query/allocator_names.h"

using allocs::query::Allocator;
using allocs::query::row_of;

extern "C" {
ALLOCS_EXPORT constinit allocator __mmap_allocator{row_of(Allocator::mmap).name};
ALLOCS_EXPORT constinit allocator __brk_allocator{row_of(Allocator::brk).name};
ALLOCS_EXPORT constinit allocator __static_file_allocator{row_of(Allocator::static_file).name};
ALLOCS_EXPORT constinit allocator __static_segment_allocator{row_of(Allocator::static_segment).name};
ALLOCS_EXPORT constinit allocator __static_section_allocator{row_of(Allocator::static_section).name};
ALLOCS_EXPORT constinit allocator __static_symbol_allocator{row_of(Allocator::static_symbol).name};
ALLOCS_EXPORT constinit allocator __tls_block_allocator{row_of(Allocator::tls_block).name};
ALLOCS_EXPORT constinit allocator __tls_symbol_allocator{row_of(Allocator::tls_symbol).name};
ALLOCS_EXPORT constinit allocator __auxv_allocator{row_of(Allocator::auxv).name};
ALLOCS_EXPORT constinit allocator __stack_allocator{row_of(Allocator::stack).name};
ALLOCS_EXPORT constinit allocator __stackframe_allocator{row_of(Allocator::stackframe).name};
ALLOCS_EXPORT constinit allocator __default_lib_malloc_allocator{row_of(Allocator::lib_malloc).name};
ALLOCS_EXPORT constinit allocator __program_malloc_allocator{row_of(Allocator::program_malloc).name};
ALLOCS_EXPORT constinit allocator __ld_so_malloc_allocator{row_of(Allocator::ld_so_malloc).name};
ALLOCS_EXPORT constinit allocator __liballocs_own_allocator{row_of(Allocator::own).name};
}

namespace allocs::preload {

allocator* object_of(Allocator which) {
  static constexpr allocator* kObjects[] = {
      nullptr,
      &__mmap_allocator,
      &__brk_allocator,
      &__static_file_allocator,
      &__static_segment_allocator,
      &__static_section_allocator,
      &__static_symbol_allocator,
      &__tls_block_allocator,
      &__tls_symbol_allocator,
      &__auxv_allocator,
      &__stack_allocator,
      &__stackframe_allocator,
      &__default_lib_malloc_allocator,
      &__program_malloc_allocator,
      &__ld_so_malloc_allocator,
      &__liballocs_own_allocator,
  };
  static_assert(sizeof(kObjects) / sizeof(kObjects[0]) == static_cast<std::size_t>(Allocator::count_));
  return kObjects[static_cast<std::size_t>(which)];
}

}  // namespace allocs::preload
