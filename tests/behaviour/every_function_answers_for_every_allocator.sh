#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every function that takes an address or an allocation, over an allocation of every allocator: what is asked is answered, and what would change something does so or is refused with the error of its
# kind. The table below is the contract; a function or an allocator that is missing in it is a mistake of the test.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'EOF'
#define _GNU_SOURCE
#include <allocs/container.h>
#include <allocs/elf_file.h>
#include <allocs/frame.h>
#include <allocs/interpreter.h>
#include <allocs/lifetime.h>
#include <allocs/move.h>
#include <allocs/sequence.h>
#include <allocs/stop.h>
#include <allocs/walk.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct node { struct node *next; long value; };
static struct node a_node = {NULL, 1}, other = {&a_node, 2};
static __thread struct node own_node;
static int is_libc = 1;

/* ---- one allocation of each allocator ---- */

/* An allocator of the program: slots of 64 bytes. */
static char *pool;
static int find(void *context, const struct alloc_info *parent, const void *at, unsigned flags, struct alloc_info *out) {
  (void)context, (void)flags;
  const size_t into = (size_t)((const char *)at - (const char *)parent->base) / 64 * 64;
  out->base = (const char *)parent->base + into, out->size = parent->size - into < 64 ? parent->size - into : 64, out->name = "slot";
  return 0;
}
static int next(void *context, const struct alloc_info *parent, const void *from, unsigned flags, struct alloc_info *out) {
  const size_t into = ((size_t)((const char *)from - (const char *)parent->base) + 63) / 64 * 64;
  return into >= parent->size ? ALLOC_E_NOTHING_THERE : find(context, parent, (const char *)parent->base + into, flags, out);
}
static struct allocator slots = {"slots"};
static const struct alloc_protocol protocol = {.size = sizeof protocol, .find = find, .next = next};

static const void *in_mmap(void) {
  void *base = NULL;
  return alloc_new(&__mmap_allocator, alloc_get_type(&a_node), 10, &base) == 0 ? base : NULL;
}
static const void *in_block(void) {
  void *base = NULL;
  if (alloc_new(is_libc ? &__default_lib_malloc_allocator : &__program_malloc_allocator, alloc_get_type(&a_node), 10, &base) != 0) return NULL;
  return memset(base, 0, 10 * sizeof a_node); /* what other mallocs have left in it may be pointers */
}
static const void *first_child(const struct alloc_info *parent, const struct allocator *of) {
  struct alloc_cursor cursor;
  struct alloc_info child;
  alloc_begin_children(parent, 0, &cursor);
  while (alloc_next_child(&cursor, &child) == 1) if (child.allocator == of) return child.base;
  return NULL;
}
/* A byte of the allocation itself: of none that lies in it. */
static const void *byte_of(const struct alloc_info *allocation) {
  struct alloc_cursor cursor;
  struct alloc_info child, leaf;
  const char *at = allocation->base;
  alloc_begin_children(allocation, 0, &cursor);
  while (alloc_next_child(&cursor, &child) == 1) {
    if ((const char *)child.base > at && alloc_query(at, 0, &leaf) == 0 && leaf.allocator == allocation->allocator && leaf.base == allocation->base) return at;
    at = (const char *)child.base + child.size;
  }
  return at < (const char *)allocation->base + allocation->size ? at : NULL;
}
static int parent_of(const void *obj, const struct allocator *which, struct alloc_info *out) {
  struct alloc_info info;
  int error = alloc_query(obj, 0, &info);
  while (error == 0 && info.allocator != which) error = info.allocator == NULL ? -1 : alloc_get_parent(&info, 0, &info);
  *out = info;
  return error;
}
static const void *in_parent(const void *obj, const struct allocator *which) {
  struct alloc_info info;
  return parent_of(obj, which, &info) == 0 ? byte_of(&info) : NULL;
}
static const void *in_brk(void) {
  struct alloc_info root, child, brk = {0};
  struct alloc_cursor cursor;
  alloc_get_root(&root);
  alloc_begin_children(&root, 0, &cursor);
  while (alloc_next_child(&cursor, &child) == 1) {
    const void *const base = first_child(&child, &__brk_allocator);
    if (base != NULL && alloc_get_child(&child, base, 0, &brk) == 0) return byte_of(&brk);
  }
  return NULL;
}
static const void *in_file(void) { return in_parent((const void *)dlsym(RTLD_DEFAULT, "strtoul"), &__static_file_allocator); }
extern const char __ehdr_start __attribute__((visibility("hidden")));
static const void *in_segment(void) { return &__ehdr_start; }
static const void *in_section(void) { return in_parent(&a_node, &__static_section_allocator); }
static const void *in_static(void) { return &other; }
static const void *in_tls_block(void) { return in_parent(&errno, &__tls_block_allocator); }
static const void *in_tls(void) { return &own_node; }
extern char **environ;
static const void *in_auxv(void) { return environ[0]; }
static const void *in_stack(void) { return (char *)__builtin_frame_address(0) - 20000; }
static struct node *of_main, *of_alloca;
static const void *in_frame(void) { return of_main; }
static const void *in_alloca(void) { return of_alloca; }
static const void *in_ld_so(void) {
  struct link_map *map;
  return dlinfo(RTLD_DEFAULT == NULL ? dlopen(NULL, RTLD_NOW) : NULL, RTLD_DI_LINKMAP, &map) == 0 ? map->l_next : NULL;
}
static const void *in_own(void) { return uniqtype_pointer_to(uniqtype_pointer_to(uniqtype_pointer_to(alloc_get_type(&a_node)))); }
static const void *in_slot(void) { return pool + 64; }
static char *texts;
/* A sub-allocator that is declared below, of pieces of a block of at least 1 KiB. */
static char *hoard, *rest_of_hoard;
__attribute__((noinline)) void *piece_new(size_t size) {
  char *const piece = rest_of_hoard;
  rest_of_hoard += (size + 15) / 16 * 16;
  return piece;
}
static struct node *a_piece;
static const void *in_piece(void) { return a_piece; }
static const void *in_element(void) { return texts + 4; }
static char *file;
static const void *in_elf_part(void) { return file; }
static const void *in_nothing(void) { return (const void *)8; }

static const struct kind { const char *name; const void *(*make)(void); } kinds[] = {
  {"mmap", in_mmap}, {"brk", in_brk}, {"static-file", in_file}, {"static-segment", in_segment}, {"static-section", in_section}, {"static", in_static}, {"tls-block", in_tls_block}, {"tls-symbol", in_tls},
  {"auxv", in_auxv}, {"stack", in_stack}, {"stackframe", in_frame}, {"alloca", in_alloca}, {"__default_lib_malloc", in_block}, {"ld.so malloc", in_ld_so}, {"liballocs", in_own}, {"slots", in_slot}, {"piece_new", in_piece},
  {"strings", in_element}, {"ELF file", in_elf_part}, {"nothing", in_nothing}};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- questions: 0, the error, or 99 for an answer that is wrong ---- */

enum { WRONG = 99 };
static int same(const struct alloc_info *a, const struct alloc_info *b) { return a->allocator == b->allocator && a->base == b->base && a->size == b->size; }
static int no_error(int result) { return result > 0 ? 0 : result; }

static int q_getters(const void *at, const struct alloc_info *info) {
  if (info->error != 0) return alloc_get_allocator(at) != NULL || alloc_get_base(at) != NULL || alloc_get_size(at) != 0 || alloc_get_type(at) != NULL || alloc_get_site(at) != NULL ? WRONG : info->error;
  return alloc_get_allocator(at) == info->allocator && alloc_get_base(at) == info->base && alloc_get_size(at) == info->size && alloc_get_type(at) == info->type && (alloc_get_site(at) == info->site || info->allocator == &__stackframe_allocator) ? 0 : WRONG;
  /* (The site of a frame is where its function is.) */
}
static int q_nowait(const void *at, const struct alloc_info *info) {
  struct alloc_info now;
  const int error = alloc_query(at, ALLOC_NOWAIT, &now);
  /* Where a stack ends the kernel knows. */
  return error != 0 || same(&now, info) ? error : now.allocator == &__stack_allocator && info->allocator == now.allocator ? 0 : WRONG;
}
static int q_parent(const void *at, const struct alloc_info *info) {
  struct alloc_info parent, child;
  (void)at;
  const int error = alloc_get_parent(info, 0, &parent);
  if (error != 0) return error;
  return alloc_get_child(&parent, info->base, 0, &child) == 0 && same(&child, info) ? 0 : WRONG;
}
static int q_children(const void *at, const struct alloc_info *info) {
  struct alloc_info parent, child;
  struct alloc_cursor cursor;
  (void)at;
  const int error = alloc_get_parent(info, 0, &parent);
  if (error != 0) return error;
  alloc_begin_children(&parent, 0, &cursor);
  while (alloc_next_child(&cursor, &child) == 1) if (same(&child, info)) return 0;
  return WRONG;
}
static int q_protocol(const void *at, const struct alloc_info *info) {
  struct alloc_info parent, child;
  if (info->allocator == NULL) return alloc_get_protocol(NULL) == NULL ? info->error : WRONG;
  const struct alloc_protocol *of = alloc_get_protocol(info->allocator);
  if (of == NULL || alloc_get_parent(info, 0, &parent) != 0) return WRONG;
  memset(&child, 0, sizeof child);
  if (of->find(of->context, &parent, info->base, 0, &child) != 0 || child.base != info->base) return WRONG;
  memset(&child, 0, sizeof child);
  return of->next(of->context, &parent, info->base, 0, &child) == 0 && child.base == info->base && at != NULL ? 0 : WRONG;
}
static int q_traits(const void *at, const struct alloc_info *info) {
  struct alloc_traits traits;
  (void)at;
  if (info->error != 0) return info->error;
  const int error = alloc_get_traits(info, &traits);
  return error != 0 ? error : traits.alignment != 0 && (size_t)info->base % traits.alignment == 0 && traits.lifetime != ALLOC_LIFE_UNKNOWN ? 0 : WRONG;
}
static int q_path(const void *at, const struct alloc_info *info) {
  struct alloc_path_entry entries[30];
  char text[500];
  const int count = alloc_get_path(at, 0, entries, 30), length = alloc_format_path(at, 0, text, sizeof text);
  if (count < 0) return length < 0 ? count : WRONG;
  for (int i = 0; i < count; ++i) if (entries[i].allocator == info->allocator && entries[i].base == info->base) return length >= 0 ? 0 : length;
  return WRONG;
}
static int q_text(const void *at, const struct alloc_info *info) {
  char text[2000], waited[2000];
  if (alloc_describe(at, text, sizeof text) <= 0 || alloc_describe_wait(at, waited, sizeof waited) <= 0) return WRONG;
  return info->error != 0 || strstr(waited, info->allocator->name) != NULL ? info->error : WRONG;
}
static int first_step(const struct alloc_step *step, void *context) { return same(&step->allocation, context) && step->depth == 0 ? 1 : 2; }
static int q_walk_tree(const void *at, const struct alloc_info *info) {
  (void)at;
  if (info->error != 0) return info->error;
  const int result = alloc_walk_tree(info, 0, first_step, (void *)info);
  return result == 1 ? 0 : result < 0 ? result : WRONG;
}
static int count_subobject(const struct alloc_subobject *subobject, void *context) { (void)subobject, ++*(int *)context; return 0; }
static int q_walk_covering(const void *at, const struct alloc_info *info) {
  int count = 0;
  (void)info;
  const int result = alloc_walk_covering(at, -1, 0, count_subobject, &count);
  return result;
}
static int q_walk_parts(const void *at, const struct alloc_info *info) {
  int count = 0;
  (void)at;
  const int result = alloc_walk_parts(info->base, info->type, info->size, 0, count_subobject, &count);
  const int has_parts = result == 0 && UNIQTYPE_IS_COMPOSITE_TYPE(info->type) && UNIQTYPE_COMPOSITE_MEMBER_COUNT(info->type) != 0;
  return has_parts && count == 0 ? WRONG : result;
}
static int count_reference(const struct alloc_reference *reference, void *context) { (void)reference, ++*(int *)context; return 0; }
static int q_walk_references(const void *at, const struct alloc_info *info) {
  int count = 0;
  (void)info;
  return alloc_walk_references(at, 0, count_reference, &count);
}
static const void *a_pointer;
static int is_ours(const struct alloc_reference *reference, void *context) { return reference->at == context ? 7 : 0; }
static int q_walk_referrers(const void *at, const struct alloc_info *info) {
  a_pointer = at;
  const int result = alloc_walk_referrers(at, 0, is_ours, &a_pointer);
  a_pointer = NULL;
  (void)info;
  return result == 7 ? 0 : result < 0 ? result : WRONG;
}
static int q_find_route(const void *at, const struct alloc_info *info) {
  struct alloc_reference steps[4];
  a_pointer = at;
  const int result = alloc_find_route(at, 0, steps, 4);
  a_pointer = NULL;
  return (void)info, no_error(result);
}
static int q_interpret(const void *at, const struct alloc_info *info) {
  struct alloc_referent referent;
  (void)info;
  return alloc_interpret(at, alloc_pointer_interpreter(), 0, &referent);
}
static int count_interpreted(const struct alloc_step *place, const struct alloc_referent *referent, void *context) { (void)place, (void)referent, ++*(int *)context; return 0; }
static int q_walk_interpreted(const void *at, const struct alloc_info *info) {
  int count = 0;
  (void)at;
  if (info->error != 0) return info->error;
  return alloc_walk_interpreted(info, alloc_pointer_interpreter(), 0, count_interpreted, &count);
}
static int count_place(const struct alloc_frame *frame, const struct alloc_frame_place *place, void *context) { (void)frame, (void)place, ++*(int *)context; return 0; }
static int q_walk_frame(const void *at, const struct alloc_info *info) {
  int count = 0;
  const int result = alloc_walk_frame(at, 0, count_place, &count);
  return (void)info, result == 0 && count == 0 ? WRONG : result;
}
static int q_get_holders(const void *at, const struct alloc_info *info) {
  struct alloc_held_by holders[3];
  const int count = alloc_get_holders(at, holders, 3);
  return (void)info, count == 1 && holders[0].holder == alloc_explicit_holder() ? 0 : count < 0 ? count : WRONG;
}
static int q_elements(const void *at, const struct alloc_info *info) {
  struct alloc_elements elements;
  return alloc_begin_elements(info->type, at, &elements);
}

/* ---- what would change it; after success it is as it was, or gone ---- */

static int c_new(const void *at, const struct alloc_info *info) {
  void *base = NULL;
  (void)at;
  const int error = alloc_new(info->allocator, alloc_get_type(&a_node), 2, &base);
  return error != 0 ? error : alloc_get_type(base) == NULL ? WRONG : alloc_free(base);
}
static int c_resize(const void *at, const struct alloc_info *info) {
  void *base = NULL;
  const int error = alloc_resize(at, info->size, 0, &base);
  return error != 0 ? error : base == info->base && alloc_get_size(base) == info->size ? 0 : WRONG;
}
static int c_resize_moving(const void *at, const struct alloc_info *info) {
  struct alloc_moving moving = {.signal = 0};
  void *base = NULL;
  const int error = alloc_resize_moving(at, info->size, &moving, &base);
  return error != 0 ? error : base == info->base ? 0 : WRONG;
}
static int c_free(const void *at, const struct alloc_info *info) {
  const int error = alloc_free(at);
  return error != 0 ? error : alloc_get_base(info->base) != info->base ? 0 : WRONG;
}
static int c_set_type(const void *at, const struct alloc_info *info) {
  struct uniqtype *const type = uniqtype_array_of(alloc_get_type(&a_node), SIZE_MAX);
  const int error = alloc_set_type(at, type);
  return (void)info, error != 0 ? error : alloc_get_type(at) == type ? 0 : WRONG;
}
static int c_insert(const void *at, const struct alloc_info *info) {
  void *inserted;
  return (void)info, alloc_insert((void *)at, 8, 0, &inserted);
}
static int c_remove(const void *at, const struct alloc_info *info) {
  void *remaining;
  return (void)info, alloc_remove((void *)at, 8, 0, &remaining);
}
static int c_promote(const void *at, const struct alloc_info *info) {
  const int error = alloc_promote(at, &slots);
  return error != 0 ? error : alloc_get_allocator(info->base) == &slots ? alloc_demote(at) : WRONG;
}
static int c_make_sequence(const void *at, const struct alloc_info *info) {
  const int error = alloc_make_sequence(at, alloc_utf8_family());
  return error != 0 ? error : alloc_get_size(info->base) == 1 ? alloc_demote(at) : WRONG;
}
static int c_make_elf_file(const void *at, const struct alloc_info *info) { return (void)at, alloc_make_elf_file(info->error != 0 ? at : info->base, info->error != 0 ? 64 : info->size); }
static int c_insert_element(const void *at, const struct alloc_info *info) {
  void *place;
  return (void)info, alloc_insert_element(at, "new", 4, ALLOC_MAY_MOVE, &place);
}
static int c_remove_element(const void *at, const struct alloc_info *info) {
  void *place;
  return (void)info, alloc_remove_element(at, 0, &place);
}
static int c_replace_element(const void *at, const struct alloc_info *info) {
  void *place;
  return (void)info, alloc_replace_element(at, "two", 4, 0, &place);
}
static int c_migrate(const void *at, const struct alloc_info *info) {
  void *base = NULL;
  const int error = alloc_migrate(at, NULL, NULL, &base);
  return error != 0 ? error : base != info->base && alloc_get_type(base) == info->type ? alloc_free(base) : WRONG;
}
/* That it is refused because a register has its address is what it should be, too. */
static int c_migrate_all(const void *at, const struct alloc_info *info) {
  struct alloc_moving moving = {.signal = 0};
  struct alloc_move move = {.obj = at, .to = info->error != 0 ? NULL : info->allocator};
  size_t failed = 77;
  const int error = alloc_migrate_all(&move, 1, &moving, &failed);
  if (error == ALLOC_E_OBSTACLE && failed == 0) return moving.obstacle.kind != ALLOC_NO_OBSTACLE ? 0 : WRONG;
  if (error != 0) return failed == 0 ? error : WRONG;
  return alloc_free(move.base);
}
static int c_hold(const void *at, const struct alloc_info *info) {
  struct alloc_holder *const who = alloc_counted_holder();
  const int error = alloc_hold(at, who), then = alloc_let_go(at, who);
  (void)info;
  return error == 0 ? then : then == error ? error : WRONG;
}
static int c_let_go(const void *at, const struct alloc_info *info) { return (void)info, alloc_let_go(at, alloc_counted_holder()); }
static int c_free_by_holder(const void *at, const struct alloc_info *info) { return (void)info, alloc_let_go(at, alloc_explicit_holder()); }

#define ROW(function) {#function, function}
static const struct row { const char *name; int (*call)(const void *at, const struct alloc_info *info); } rows[] = {
  ROW(q_getters), ROW(q_nowait), ROW(q_parent), ROW(q_children), ROW(q_protocol), ROW(q_traits), ROW(q_path), ROW(q_text), ROW(q_walk_tree), ROW(q_walk_covering), ROW(q_walk_parts), ROW(q_walk_references), ROW(q_walk_referrers),
  ROW(q_find_route), ROW(q_interpret), ROW(q_walk_interpreted), ROW(q_walk_frame), ROW(q_get_holders), ROW(q_elements), ROW(c_new), ROW(c_resize), ROW(c_resize_moving), ROW(c_free), ROW(c_set_type), ROW(c_insert),
  ROW(c_remove), ROW(c_promote), ROW(c_make_sequence), ROW(c_make_elf_file), ROW(c_insert_element), ROW(c_remove_element), ROW(c_replace_element), ROW(c_migrate), ROW(c_migrate_all), ROW(c_hold), ROW(c_let_go),
  ROW(c_free_by_holder)};

static void make_samples(void) {
  pool = malloc(640);
  memset(pool, 0, 640);
  alloc_register_allocator(&slots, &protocol), alloc_promote(pool, &slots);
  hoard = rest_of_hoard = malloc(4096);
  memset(hoard, 0, 4096);
  a_piece = piece_new(sizeof *a_piece);
  texts = malloc(12);
  memcpy(texts, "one\0two\0six", 12);
  alloc_make_sequence(texts, alloc_string_family());
  const int descriptor = open("/proc/self/exe", O_RDONLY);
  const off_t size = lseek(descriptor, 0, SEEK_END);
  file = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  alloc_make_elf_file(file, (size_t)size);
}
int main(int argc, char **argv) {
  struct node local = {&other, 3}, *volatile variable = __builtin_alloca(64);
  (void)argv;
  is_libc = argc == 1;
  of_main = &local, of_alloca = variable;
  make_samples();
  for (int k = 0; k < KINDS; ++k) {
    struct alloc_info info;
    const void *const at = kinds[k].make();
    const int error = alloc_query(at, 0, &info);
    if (strcmp(error == 0 ? info.allocator->name : "nothing", kinds[k].name) != 0) printf("%s: is %s\n", kinds[k].name, error == 0 ? info.allocator->name : alloc_error_message(error));
  }
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
    printf("%-20s", rows[i].name);
    for (int k = 0; k < KINDS; ++k) {
      struct alloc_info info;
      const void *const at = kinds[k].make();
      alloc_query(at, 0, &info);
      printf(" %3d", rows[i].call(at, &info));
    }
    printf("\n");
    fflush(stdout);
  }
  return 0;
}
EOF
need_plugin
export LIBALLOCS_SUBALLOC_FNS="piece_new(Z)p"
allocscc -g -O1 -Wall -Wextra -Werror -I"$ALLOCS_PREFIX/include" -o a a.c -L"$ALLOCS_PREFIX/lib" -Wl,-rpath,"$ALLOCS_PREFIX/lib" -lallocs -ldl
# 0: done, or told as everywhere else; -1 nothing there, -3 the kernel may not be asked, -4 no type, -12 invalid, -14 no such operation, -15 to -19 of an object, a thread, a frame, the kernel, the run
# time; -20 it is one already, -25 no such file, -31 not held, -32 a private mapping of a file. Columns in the order of the kinds.
cat > wanted <<'EOF'
q_getters              0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0  -1
q_nowait              -3  -3   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0  -3  -3
q_parent               0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0 -12
q_children             0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0 -12
q_protocol             0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0  -1
q_traits               0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0  -1
q_path                 0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0  -1
q_text                 0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0  -1
q_walk_tree            0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0  -1
q_walk_covering        0  -4  -4  -4  -4   0  -4   0   0  -4   0   0   0  -4  -4  -4   0   0   0  -1
q_walk_parts           0 -12 -12 -12 -12   0 -12   0   0 -12   0   0   0 -12 -12 -12   0   0   0 -12
q_walk_references      0  -4  -4  -4  -4   0  -4   0   0  -4   0   0   0  -4  -4  -4   0   0   0  -1
q_walk_referrers       0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0  -1
q_find_route           0 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14   0 -14 -14   0   0   0 -14 -14
q_interpret           -1  -4  -4  -4  -4   0  -4  -1 -14  -4   0  -1  -1  -4  -4  -4  -1 -14 -14  -1
q_walk_interpreted     0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0  -1
q_walk_frame          -1  -1  -1  -1  -1  -1  -1  -1  -1  -1   0   0  -1  -1  -1  -1  -1  -1  -1  -1
q_get_holders        -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14   0 -14 -14 -14 -14 -14 -14  -1
q_elements           -14 -12 -12 -12 -12 -14 -12 -14 -14 -12 -14 -14 -14 -12 -12 -12 -14 -14 -14 -12
c_new                  0 -14 -15 -15 -15 -15 -16 -16 -18 -16 -17 -17   0 -19 -19 -14 -14 -14 -14 -12
c_resize               0   0 -15 -15 -15 -15 -16 -16 -18 -16 -17 -17   0 -19 -19 -14 -14 -14 -14  -1
c_resize_moving        0   0 -15 -15 -15 -15 -16 -16 -18 -16 -17 -17   0 -19 -19 -14 -14 -14 -14  -1
c_free                 0 -14 -15 -15 -15 -15 -16 -16 -18 -16 -17 -17   0 -19 -19 -14 -14 -14 -14  -1
c_set_type             0 -14 -15 -15 -15 -15 -16 -16 -18 -16 -17 -17   0 -19 -19 -14 -14 -14 -14  -1
c_insert             -32 -14 -15 -15 -15 -15 -16 -16 -18 -16 -17 -17 -14 -19 -19 -14 -14 -14 -14  -1
c_remove             -32 -14 -15 -15 -15 -15 -16 -16 -18 -16 -17 -17 -14 -19 -19 -14 -14 -14 -14  -1
c_promote              0 -14 -14 -14 -14   0 -14 -14 -14 -14 -14 -14   0 -14 -14   0   0   0   0  -1
c_make_sequence        0 -14 -14 -14 -14   0 -14 -14 -14 -14 -14 -14   0 -14 -14   0   0   0   0  -1
c_make_elf_file      -25 -14 -14 -14 -14 -25 -14 -14 -14 -14 -14 -14 -25 -14 -14 -25 -25 -25 -20  -1
c_insert_element     -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14   0 -14  -1
c_remove_element     -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14   0 -14  -1
c_replace_element    -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14   0 -14  -1
c_migrate              0 -14 -15 -15 -15 -15 -16 -16 -18 -16 -17 -17   0 -19 -19 -14 -14 -14 -14  -1
c_migrate_all          0 -14 -15 -15 -15 -15 -16 -16 -18 -16 -17 -17   0 -19 -19 -14 -14 -14 -14  -1
c_hold               -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14   0 -14 -14 -14 -14 -14 -14  -1
c_let_go             -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -31 -14 -14 -14 -14 -14 -14  -1
c_free_by_holder     -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14 -14   0 -14 -14 -14 -14 -14 -14  -1
EOF
preload ./a > out || fail "exit status $?"
expect out < wanted

# Other mallocs have no break area.
without_break() { sed 's/^\(.\{24\}\)..../\1/' "$1"; }
for malloc in $(other_mallocs); do
  LD_PRELOAD="$PRELOAD:$malloc" ./a other > other_out || fail "over $malloc: exit status $?"
  without_break wanted > wanted_of_other
  grep -v "^brk: is \|^__default_lib_malloc: is " other_out > other_rows
  without_break other_rows > other
  expect other < wanted_of_other
done
