// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "allocs.h"
#include "base/export.h"

// liballocs.so: what a program links against. When liballocs_preload.so is loaded, its definitions come first and none of these
// runs. Without it, the program works all the same, and every answer is "cannot tell". Type names and the like are given for NULL only,
// since nobody can hand out a uniqtype here.

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

#define ALLOCS_STAND_IN_ALLOCATOR(symbol, text) ALLOCS_EXPORT constinit allocator symbol{text};
ALLOCS_STAND_IN_ALLOCATOR(__mmap_allocator, "mmap")
ALLOCS_STAND_IN_ALLOCATOR(__brk_allocator, "brk")
ALLOCS_STAND_IN_ALLOCATOR(__static_file_allocator, "static-file")
ALLOCS_STAND_IN_ALLOCATOR(__static_segment_allocator, "static-segment")
ALLOCS_STAND_IN_ALLOCATOR(__static_section_allocator, "static-section")
ALLOCS_STAND_IN_ALLOCATOR(__static_symbol_allocator, "static")
ALLOCS_STAND_IN_ALLOCATOR(__tls_block_allocator, "tls-block")
ALLOCS_STAND_IN_ALLOCATOR(__tls_symbol_allocator, "tls-symbol")
ALLOCS_STAND_IN_ALLOCATOR(__auxv_allocator, "auxv")
ALLOCS_STAND_IN_ALLOCATOR(__stack_allocator, "stack")
ALLOCS_STAND_IN_ALLOCATOR(__stackframe_allocator, "stackframe")
ALLOCS_STAND_IN_ALLOCATOR(__default_lib_malloc_allocator, "__default_lib_malloc")
ALLOCS_STAND_IN_ALLOCATOR(__program_malloc_allocator, "__program_malloc")
ALLOCS_STAND_IN_ALLOCATOR(__ld_so_malloc_allocator, "ld.so malloc")
ALLOCS_STAND_IN_ALLOCATOR(__liballocs_own_allocator, "liballocs")
#undef ALLOCS_STAND_IN_ALLOCATOR

ALLOCS_EXPORT struct allocator* alloc_get_allocator(const void*) { return &g_nobody; }
ALLOCS_EXPORT void* alloc_get_base(const void*) { return nullptr; }
ALLOCS_EXPORT size_t alloc_get_size(const void*) { return 0; }
ALLOCS_EXPORT struct uniqtype* alloc_get_type(const void*) { return nullptr; }
ALLOCS_EXPORT const void* alloc_get_site(const void*) { return nullptr; }

ALLOCS_EXPORT int alloc_query(const void*, unsigned, struct alloc_info* out) {
  if (out == nullptr) return ALLOC_E_INVALID;
  std::memset(out, 0, sizeof(*out));
  out->error = out->type_error = ALLOC_E_NO_RUNTIME;
  return ALLOC_E_NO_RUNTIME;
}
ALLOCS_EXPORT const char* alloc_error_message(int error) {
  return error == ALLOC_OK ? "success" : error == ALLOC_E_INVALID ? "invalid argument" : kMessage;
}
ALLOCS_EXPORT int alloc_get_path(const void*, unsigned, struct alloc_path_entry*, size_t) {
  return ALLOC_E_NO_RUNTIME;
}
ALLOCS_EXPORT int alloc_format_path(const void*, unsigned, char*, size_t) {
  return ALLOC_E_NO_RUNTIME;
}
ALLOCS_EXPORT int alloc_describe(const void*, char* buf, size_t len) {
  return put_text(kMessage, buf, len);
}
ALLOCS_EXPORT int alloc_describe_wait(const void*, char* buf, size_t len) {
  return put_text(kMessage, buf, len);
}

ALLOCS_EXPORT const char* uniqtype_name(const struct uniqtype*) { return "(no type)"; }
ALLOCS_EXPORT size_t uniqtype_size(const struct uniqtype*) { return SIZE_MAX; }
ALLOCS_EXPORT int uniqtype_describe(const struct uniqtype*, char* buf, size_t len) {
  return put_text("(no type)", buf, len);
}
ALLOCS_EXPORT int uniqtype_symbol_name(const struct uniqtype*, char* buf, size_t len) {
  return put_text("", buf, len);
}
ALLOCS_EXPORT const char* uniqtype_member_name(const struct uniqtype*, unsigned) { return nullptr; }
ALLOCS_EXPORT const char* uniqtype_member_alias(const struct uniqtype*, unsigned) {
  return nullptr;
}
ALLOCS_EXPORT const char* uniqtype_enumerator_name(const struct uniqtype*, unsigned) {
  return nullptr;
}
ALLOCS_EXPORT const char* uniqtype_declaration(const struct uniqtype*, unsigned* line) {
  if (line != nullptr) *line = 0;
  return nullptr;
}
ALLOCS_EXPORT struct uniqtype* uniqtype_by_name(const char*) { return nullptr; }
ALLOCS_EXPORT struct uniqtype* uniqtype_pointer_to(struct uniqtype*) { return nullptr; }
ALLOCS_EXPORT struct uniqtype* uniqtype_array_of(struct uniqtype*, size_t) { return nullptr; }

}  // extern "C"
