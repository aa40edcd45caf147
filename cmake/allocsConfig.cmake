# SPDX-License-Identifier: Apache-2.0
# find_package(allocs) gives the target allocs::allocs. Everything is found relative to this file:
# <prefix>/<libdir>/cmake/allocs, so the tree may be moved.
get_filename_component(allocs_libdir "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
set(allocs_prefix "${allocs_libdir}")
while(NOT EXISTS "${allocs_prefix}/include/allocs.h")
  get_filename_component(allocs_parent "${allocs_prefix}" DIRECTORY)
  if(allocs_parent STREQUAL allocs_prefix)
    set(allocs_FOUND FALSE)
    set(allocs_NOT_FOUND_MESSAGE "no include/allocs.h above ${allocs_libdir}")
    return()
  endif()
  set(allocs_prefix "${allocs_parent}")
endwhile()
set(allocs_PRELOAD_LIBRARY "${allocs_libdir}/liballocs_preload.so")
if(NOT TARGET allocs::allocs)
  add_library(allocs::allocs SHARED IMPORTED)
  set_target_properties(allocs::allocs PROPERTIES
    IMPORTED_LOCATION "${allocs_libdir}/liballocs.so"
    INTERFACE_INCLUDE_DIRECTORIES "${allocs_prefix}/include")
endif()
