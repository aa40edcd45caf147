// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "runtime/stand_in/alone.h"

// Type names and the like are given for NULL only, since nobody can hand out a uniqtype here.

namespace {

constexpr char kMessage[] = "the run time is not loaded: preload liballocs_preload.so";

// A program may print alloc_get_allocator(p)->name without asking first: there must be something to print.
constinit allocator g_nobody{"(cannot tell)"};

int put_text(const char* text, char* buf, size_t len) {
  const size_t length = std::strlen(text);
  if (len != 0) {
    const size_t fitting = length < len ? length : len - 1;
    std::memcpy(buf, text, fitting);
    buf[fitting] = '\0';
  }
  return static_cast<int>(length);
}

}  // namespace

extern "C" {

struct allocator* ALLOCS_ALONE(alloc_get_allocator)(const void*) {
  return &g_nobody;
}
void* ALLOCS_ALONE(alloc_get_base)(const void*) { return nullptr; }
size_t ALLOCS_ALONE(alloc_get_size)(const void*) { return 0; }
struct uniqtype* ALLOCS_ALONE(alloc_get_type)(const void*) {
  return nullptr;
}
const void* ALLOCS_ALONE(alloc_get_site)(const void*) { return nullptr; }

int ALLOCS_ALONE(alloc_query)(const void*, unsigned, struct alloc_info* out) {
  if (out == nullptr) return ALLOC_E_INVALID;
  std::memset(out, 0, sizeof(*out));
  out->error = out->type_error = ALLOC_E_NO_RUNTIME;
  return ALLOC_E_NO_RUNTIME;
}
const char* ALLOCS_ALONE(alloc_error_message)(int error) {
  return error == ALLOC_OK ? "success" : error == ALLOC_E_INVALID ? "invalid argument" : kMessage;
}
int ALLOCS_ALONE(alloc_get_path)(const void*, unsigned, struct alloc_path_entry*, size_t) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_format_path)(const void*, unsigned, char*, size_t) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_describe)(const void*, char* buf, size_t len) {
  return put_text(kMessage, buf, len);
}
int ALLOCS_ALONE(alloc_describe_wait)(const void*, char* buf, size_t len) {
  return put_text(kMessage, buf, len);
}

int ALLOCS_ALONE(alloc_walk_blocks)(unsigned, alloc_visit_block*, void*) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_walk_references)(const void*, unsigned, alloc_visit_reference*, void*) {
  return ALLOC_E_NO_RUNTIME;
}

void ALLOCS_ALONE(alloc_get_root)(struct alloc_info* root) {
  std::memset(root, 0, sizeof(*root));
  root->error = root->type_error = ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_get_parent)(const struct alloc_info*, unsigned, struct alloc_info*) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_get_child)(const struct alloc_info*, const void*, unsigned,
                                  struct alloc_info*) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_begin_children)(const struct alloc_info*, unsigned, struct alloc_cursor*) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_next_child)(struct alloc_cursor*, struct alloc_info*) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_get_traits)(const struct alloc_info*, struct alloc_traits*) {
  return ALLOC_E_NO_RUNTIME;
}
const struct alloc_protocol* ALLOCS_ALONE(alloc_get_protocol)(const struct allocator*) {
  return nullptr;
}
int ALLOCS_ALONE(alloc_register_allocator)(struct allocator*, const struct alloc_protocol*) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_promote)(const void*, struct allocator*) { return ALLOC_E_NO_RUNTIME; }
int ALLOCS_ALONE(alloc_demote)(const void*) { return ALLOC_E_NO_RUNTIME; }

int ALLOCS_ALONE(alloc_new)(struct allocator*, struct uniqtype*, size_t, void**) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_resize)(const void*, size_t, unsigned, void**) { return ALLOC_E_NO_RUNTIME; }
int ALLOCS_ALONE(alloc_free)(const void*) { return ALLOC_E_NO_RUNTIME; }
int ALLOCS_ALONE(alloc_set_type)(const void*, struct uniqtype*) { return ALLOC_E_NO_RUNTIME; }
int ALLOCS_ALONE(alloc_insert)(void*, size_t, unsigned, void**) { return ALLOC_E_NO_RUNTIME; }
int ALLOCS_ALONE(alloc_remove)(void*, size_t, unsigned, void**) { return ALLOC_E_NO_RUNTIME; }

int ALLOCS_ALONE(alloc_make_sequence)(const void*, const struct alloc_sequence_family*) {
  return ALLOC_E_NO_RUNTIME;
}
const struct alloc_sequence_family* ALLOCS_ALONE(alloc_string_family)(void) { return nullptr; }
const struct alloc_sequence_family* ALLOCS_ALONE(alloc_utf8_family)(void) { return nullptr; }
const struct alloc_sequence_family* ALLOCS_ALONE(alloc_note_family)(size_t) { return nullptr; }
const struct alloc_sequence_family* ALLOCS_ALONE(alloc_x86_family)(void) { return nullptr; }

int ALLOCS_ALONE(alloc_insert_element)(const void*, const void*, size_t, unsigned, void**) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_remove_element)(const void*, unsigned, void**) { return ALLOC_E_NO_RUNTIME; }
int ALLOCS_ALONE(alloc_replace_element)(const void*, const void*, size_t, unsigned, void**) {
  return ALLOC_E_NO_RUNTIME;
}

int ALLOCS_ALONE(alloc_walk_tree)(const struct alloc_info*, unsigned, alloc_visit_step*, void*) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_walk_covering)(const void*, int, unsigned, alloc_visit_subobject*, void*) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_walk_parts)(const void*, const struct uniqtype*, size_t, unsigned,
                                   alloc_visit_subobject*, void*) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_walk_blocks_of_type)(const struct uniqtype*, unsigned, alloc_visit_block*,
                                            void*) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_walk_interpreted)(const struct alloc_info*, const struct alloc_interpreter*,
                                         unsigned, alloc_visit_interpreted*, void*) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_interpret)(const void*, const struct alloc_interpreter*, unsigned,
                                  struct alloc_referent*) {
  return ALLOC_E_NO_RUNTIME;
}
const struct alloc_interpreter* ALLOCS_ALONE(alloc_pointer_interpreter)(void) { return nullptr; }
int ALLOCS_ALONE(alloc_make_elf_file)(const void*, size_t) { return ALLOC_E_NO_RUNTIME; }
struct allocator* ALLOCS_ALONE(alloc_elf_allocator)(void) {
  return &g_nobody;
}
const struct alloc_interpreter* ALLOCS_ALONE(alloc_elf_interpreter)(void) { return nullptr; }

int ALLOCS_ALONE(alloc_begin_elements)(const struct uniqtype*, const void*,
                                       struct alloc_elements*) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_next_element)(struct alloc_elements*, struct alloc_element*) {
  return ALLOC_E_NO_RUNTIME;
}

int ALLOCS_ALONE(alloc_walk_referrers)(const void*, unsigned, alloc_visit_reference*, void*) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_walk_graph)(unsigned, alloc_visit_reached*, void*) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_find_route)(const void*, unsigned, struct alloc_reference*, size_t) {
  return ALLOC_E_NO_RUNTIME;
}

int ALLOCS_ALONE(alloc_walk_frame)(const void*, unsigned, alloc_visit_frame_place*, void*) {
  return ALLOC_E_NO_RUNTIME;
}

int ALLOCS_ALONE(alloc_stop_others)(int, unsigned, struct alloc_stop_report*) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_resume_others)(void) { return ALLOC_E_NO_RUNTIME; }
int ALLOCS_ALONE(alloc_walk_stopped)(alloc_visit_stopped*, void*) { return ALLOC_E_NO_RUNTIME; }
const char* ALLOCS_ALONE(alloc_register_name)(int) { return "?"; }

int ALLOCS_ALONE(alloc_migrate)(const void*, struct allocator*, struct alloc_moving*, void**) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_resize_moving)(const void*, size_t, struct alloc_moving*, void**) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_migrate_all)(struct alloc_move*, size_t, struct alloc_moving*, size_t*) {
  return ALLOC_E_NO_RUNTIME;
}
const char* ALLOCS_ALONE(alloc_obstacle_message)(int) { return kMessage; }

int ALLOCS_ALONE(alloc_register_holder)(const struct alloc_policy*, struct alloc_holder**) {
  return ALLOC_E_NO_RUNTIME;
}
struct alloc_holder* ALLOCS_ALONE(alloc_explicit_holder)(void) {
  return nullptr;
}
struct alloc_holder* ALLOCS_ALONE(alloc_counted_holder)(void) {
  return nullptr;
}
struct alloc_holder* ALLOCS_ALONE(alloc_reachability_holder)(void) {
  return nullptr;
}
int ALLOCS_ALONE(alloc_hold)(const void*, struct alloc_holder*) { return ALLOC_E_NO_RUNTIME; }
int ALLOCS_ALONE(alloc_let_go)(const void*, struct alloc_holder*) { return ALLOC_E_NO_RUNTIME; }
int ALLOCS_ALONE(alloc_get_holders)(const void*, struct alloc_held_by*, size_t) {
  return ALLOC_E_NO_RUNTIME;
}
int ALLOCS_ALONE(alloc_collect)(struct alloc_collection* collection) {
  if (collection == nullptr) return ALLOC_E_INVALID;
  collection->candidates = collection->freed = collection->freed_bytes = 0;
  collection->obstacle = nullptr;
  collection->stop = alloc_stop_report{};
  return ALLOC_E_NO_RUNTIME;
}
void ALLOCS_ALONE(alloc_set_excess_free)(alloc_excess_free*, void*) {}
uint64_t ALLOCS_ALONE(alloc_count_excess_frees)(void) { return 0; }

const char* ALLOCS_ALONE(uniqtype_name)(const struct uniqtype*) { return "(no type)"; }
size_t ALLOCS_ALONE(uniqtype_size)(const struct uniqtype*) { return SIZE_MAX; }
int ALLOCS_ALONE(uniqtype_describe)(const struct uniqtype*, char* buf, size_t len) {
  return put_text("(no type)", buf, len);
}
int ALLOCS_ALONE(uniqtype_symbol_name)(const struct uniqtype*, char* buf, size_t len) {
  return put_text("", buf, len);
}
const char* ALLOCS_ALONE(uniqtype_member_name)(const struct uniqtype*, unsigned) { return nullptr; }
int ALLOCS_ALONE(uniqtype_is_big_endian)(const struct uniqtype*) { return 0; }
const char* ALLOCS_ALONE(uniqtype_member_alias)(const struct uniqtype*, unsigned) {
  return nullptr;
}
const char* ALLOCS_ALONE(uniqtype_enumerator_name)(const struct uniqtype*, unsigned) {
  return nullptr;
}
const char* ALLOCS_ALONE(uniqtype_declaration)(const struct uniqtype*, unsigned* line) {
  if (line != nullptr) *line = 0;
  return nullptr;
}
struct uniqtype* ALLOCS_ALONE(uniqtype_by_name)(const char*) {
  return nullptr;
}
struct uniqtype* ALLOCS_ALONE(uniqtype_pointer_to)(struct uniqtype*) {
  return nullptr;
}
struct uniqtype* ALLOCS_ALONE(uniqtype_array_of)(struct uniqtype*, size_t) {
  return nullptr;
}

}  // extern "C"
