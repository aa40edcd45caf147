// SPDX-License-Identifier: Apache-2.0
#pragma once

// Every function and object that the public headers declare, once. From these lists come the functions of the stand-in and of
// the link archive (runtime/stand_in), and the second names under which the preload library exports its own: a program that
// carries forwarders has definitions of the first names itself, and those come first in the loader's search.

#define ALLOCS_QUERY_FUNCTIONS(X) \
  X(alloc_get_allocator)          \
  X(alloc_get_base)               \
  X(alloc_get_size)               \
  X(alloc_get_type)               \
  X(alloc_get_site)               \
  X(alloc_query)                  \
  X(alloc_error_message)          \
  X(alloc_get_path)               \
  X(alloc_format_path)            \
  X(alloc_describe)               \
  X(alloc_describe_wait)

#define ALLOCS_WALK_FUNCTIONS(X) \
  X(alloc_walk_blocks)           \
  X(alloc_walk_references)

#define ALLOCS_TREE_FUNCTIONS(X) \
  X(alloc_get_root)              \
  X(alloc_get_parent)            \
  X(alloc_get_child)             \
  X(alloc_begin_children)        \
  X(alloc_next_child)            \
  X(alloc_get_traits)            \
  X(alloc_get_protocol)          \
  X(alloc_new)                   \
  X(alloc_resize)                \
  X(alloc_free)                  \
  X(alloc_set_type)              \
  X(alloc_register_allocator)    \
  X(alloc_promote)               \
  X(alloc_demote)

#define ALLOCS_SPLICE_FUNCTIONS(X) \
  X(alloc_insert)                  \
  X(alloc_remove)

#define ALLOCS_SEQUENCE_FUNCTIONS(X) \
  X(alloc_make_sequence)             \
  X(alloc_string_family)             \
  X(alloc_utf8_family)               \
  X(alloc_note_family)               \
  X(alloc_x86_family)

#define ALLOCS_ELEMENT_FUNCTIONS(X) \
  X(alloc_insert_element)           \
  X(alloc_remove_element)           \
  X(alloc_replace_element)

#define ALLOCS_TREE_WALK_FUNCTIONS(X) \
  X(alloc_walk_tree)                  \
  X(alloc_walk_covering)              \
  X(alloc_walk_parts)                 \
  X(alloc_walk_blocks_of_type)

#define ALLOCS_INTERPRETER_FUNCTIONS(X) \
  X(alloc_walk_interpreted)             \
  X(alloc_interpret)                    \
  X(alloc_pointer_interpreter)

#define ALLOCS_ELF_FILE_FUNCTIONS(X) \
  X(alloc_make_elf_file)             \
  X(alloc_elf_allocator)             \
  X(alloc_elf_interpreter)

#define ALLOCS_CONTAINER_FUNCTIONS(X) \
  X(alloc_begin_elements)             \
  X(alloc_next_element)

#define ALLOCS_GRAPH_FUNCTIONS(X) \
  X(alloc_walk_referrers)         \
  X(alloc_walk_graph)             \
  X(alloc_find_route)

#define ALLOCS_FRAME_FUNCTIONS(X) X(alloc_walk_frame)

#define ALLOCS_STOP_FUNCTIONS(X) \
  X(alloc_stop_others)           \
  X(alloc_resume_others)         \
  X(alloc_walk_stopped)          \
  X(alloc_register_name)

#define ALLOCS_MOVE_FUNCTIONS(X) \
  X(alloc_migrate)               \
  X(alloc_resize_moving)         \
  X(alloc_migrate_all)           \
  X(alloc_obstacle_message)

#define ALLOCS_LIFETIME_FUNCTIONS(X) \
  X(alloc_register_holder)           \
  X(alloc_explicit_holder)           \
  X(alloc_counted_holder)            \
  X(alloc_reachability_holder)       \
  X(alloc_hold)                      \
  X(alloc_let_go)                    \
  X(alloc_get_holders)               \
  X(alloc_collect)                   \
  X(alloc_set_excess_free)           \
  X(alloc_count_excess_frees)

#define ALLOCS_UNIQTYPE_FUNCTIONS(X) \
  X(uniqtype_name)                   \
  X(uniqtype_size)                   \
  X(uniqtype_describe)               \
  X(uniqtype_symbol_name)            \
  X(uniqtype_member_name)            \
  X(uniqtype_member_alias)           \
  X(uniqtype_is_big_endian)          \
  X(uniqtype_enumerator_name)        \
  X(uniqtype_declaration)            \
  X(uniqtype_by_name)                \
  X(uniqtype_pointer_to)             \
  X(uniqtype_array_of)

#define ALLOCS_API_FUNCTIONS(X)   \
  ALLOCS_QUERY_FUNCTIONS(X)       \
  ALLOCS_WALK_FUNCTIONS(X)        \
  ALLOCS_TREE_FUNCTIONS(X)        \
  ALLOCS_SPLICE_FUNCTIONS(X)      \
  ALLOCS_SEQUENCE_FUNCTIONS(X)    \
  ALLOCS_ELEMENT_FUNCTIONS(X)     \
  ALLOCS_TREE_WALK_FUNCTIONS(X)   \
  ALLOCS_INTERPRETER_FUNCTIONS(X) \
  ALLOCS_ELF_FILE_FUNCTIONS(X)    \
  ALLOCS_CONTAINER_FUNCTIONS(X)   \
  ALLOCS_GRAPH_FUNCTIONS(X)       \
  ALLOCS_FRAME_FUNCTIONS(X)       \
  ALLOCS_STOP_FUNCTIONS(X)        \
  ALLOCS_MOVE_FUNCTIONS(X)        \
  ALLOCS_LIFETIME_FUNCTIONS(X)    \
  ALLOCS_UNIQTYPE_FUNCTIONS(X)

// In the order of query::Allocator: X(enumerator, object, text of its name).
#define ALLOCS_ALLOCATOR_OBJECTS(X)                                     \
  X(mmap, __mmap_allocator, "mmap")                                     \
  X(brk, __brk_allocator, "brk")                                        \
  X(static_file, __static_file_allocator, "static-file")                \
  X(static_segment, __static_segment_allocator, "static-segment")       \
  X(static_section, __static_section_allocator, "static-section")       \
  X(static_symbol, __static_symbol_allocator, "static")                 \
  X(tls_block, __tls_block_allocator, "tls-block")                      \
  X(tls_symbol, __tls_symbol_allocator, "tls-symbol")                   \
  X(auxv, __auxv_allocator, "auxv")                                     \
  X(stack, __stack_allocator, "stack")                                  \
  X(stackframe, __stackframe_allocator, "stackframe")                   \
  X(lib_malloc, __default_lib_malloc_allocator, "__default_lib_malloc") \
  X(program_malloc, __program_malloc_allocator, "__program_malloc")     \
  X(ld_so_malloc, __ld_so_malloc_allocator, "ld.so malloc")             \
  X(own, __liballocs_own_allocator, "liballocs")                        \
  X(frame_alloca, __alloca_allocator, "alloca")

// The second name of a function. The number grows when a function changes its meaning or its arguments: forwarders that were
// linked before then find nothing, and answer "cannot tell".
#define ALLOCS_SECOND_NAME(name) __allocs_1_##name
#define ALLOCS_SECOND_NAME_TEXT(name) "__allocs_1_" #name
// Behind the definitions, in extern "C".
#define ALLOCS_EXPORT_SECOND_NAME(name) \
  __attribute__((visibility("default"), alias(#name))) decltype(name) ALLOCS_SECOND_NAME(name);
