#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Wrong arguments, one after the other, to every function: each is refused with the error that its header says, and nothing has changed. Functions that cannot be asked wrongly are told by what they
# answer for nothing.
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
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node { struct node *next; long value : 7; };
enum color { red, green };
static struct node a_node;
static enum color a_color;
static int checks, wrong;
#define IS(call, wanted) do { const long told_ = (long)(call); ++checks; if (told_ != (long)(wanted)) ++wrong, printf("%s: %ld instead of %ld\n", #call, told_, (long)(wanted)); } while (0)
#define INVALID(call) IS(call, ALLOC_E_INVALID)

static int block_visitor(const struct alloc_info *b, void *c) { return b == NULL || c == NULL; }
static int reference_visitor(const struct alloc_reference *r, void *c) { return r == NULL || c == NULL; }
static int step_visitor(const struct alloc_step *s, void *c) { return s == NULL || c == NULL; }
static int subobject_visitor(const struct alloc_subobject *s, void *c) { return s == NULL || c == NULL; }
static int reached_visitor(const struct alloc_reached *r, void *c) { return r == NULL || c == NULL; }
static int interpreted_visitor(const struct alloc_step *s, const struct alloc_referent *r, void *c) { return s == NULL || r == NULL || c == NULL; }
static int place_visitor(const struct alloc_frame *f, const struct alloc_frame_place *p, void *c) { return f == NULL || p == NULL || c == NULL; }
static int find(void *c, const struct alloc_info *p, const void *a, unsigned f, struct alloc_info *o) { return (void)c, (void)p, (void)a, (void)f, (void)o, ALLOC_E_NOTHING_THERE; }
static int decode(void *c, const void *a, size_t l, size_t *s, struct uniqtype **t) { return (void)c, (void)a, (void)l, (void)t, *s = 1, 0; }

int main(void) {
  enum { ODD = 64 }; /* no flag of any function */
  struct uniqtype *const type = alloc_get_type(&a_node), *const color = alloc_get_type(&a_color);
  void *const block = malloc(64), *base = &base;
  struct alloc_info info, other;
  struct alloc_cursor cursor;
  struct alloc_traits traits;
  struct alloc_path_entry entry;
  struct alloc_referent referent;
  struct alloc_elements elements;
  struct alloc_held_by held;
  struct alloc_moving moving = {.signal = 0};
  struct alloc_reference step;
  struct alloc_holder *holder = NULL;
  struct alloc_stop_report report;
  size_t failed = 0;
  char text[200];
  alloc_query(block, 0, &info);
  errno = 4711;

  /* allocs.h */
  IS(alloc_get_allocator(NULL) != NULL || alloc_get_base(NULL) != NULL || alloc_get_size(NULL) != 0 || alloc_get_type(NULL) != NULL || alloc_get_site(NULL) != NULL, 0);
  IS(alloc_query(NULL, 0, &other), ALLOC_E_NOTHING_THERE);
  IS(strcmp(alloc_error_message(-1000), alloc_error_message(1000)) == 0 && *alloc_error_message(-1000) != 0, 1);
  IS(alloc_get_path(NULL, 0, &entry, 1), ALLOC_E_NOTHING_THERE);
  IS(alloc_get_path(block, 0, NULL, 0) > 1, 1);
  IS(alloc_format_path(NULL, 0, text, sizeof text) < 0, 1);
  IS(alloc_format_path(block, 0, NULL, 0) > 0, 1);
  IS(alloc_describe(NULL, NULL, 0) > 0 && alloc_describe_wait(NULL, NULL, 0) > 0, 1);
  INVALID(alloc_walk_blocks(0, NULL, NULL));
  INVALID(alloc_walk_blocks(ODD, block_visitor, text));
  INVALID(alloc_walk_references(block, 0, NULL, NULL));
  INVALID(alloc_walk_references(block, ODD, reference_visitor, text));

  /* allocs/allocator.h */
  alloc_get_root(&other);
  INVALID(alloc_get_parent(NULL, 0, &other));
  INVALID(alloc_get_parent(&info, 0, NULL));
  INVALID(alloc_get_parent(&other, 0, &other));
  INVALID(alloc_get_child(NULL, block, 0, &other));
  INVALID(alloc_get_child(&other, block, 0, NULL));
  INVALID(alloc_begin_children(NULL, 0, &cursor));
  INVALID(alloc_begin_children(&other, 0, NULL));
  INVALID(alloc_get_traits(NULL, &traits));
  INVALID(alloc_get_traits(&info, NULL));
  struct allocator mine = {"mine"}, nameless = {NULL};
  other = info, other.allocator = &mine;
  INVALID(alloc_get_traits(&other, &traits));
  IS(alloc_get_protocol(NULL) == NULL && alloc_get_protocol(&mine) == NULL, 1);
  INVALID(alloc_new(NULL, type, 1, &base));
  INVALID(alloc_new(&mine, type, 1, &base));
  INVALID(alloc_new(&__default_lib_malloc_allocator, NULL, 1, &base));
  INVALID(alloc_new(&__default_lib_malloc_allocator, type, 0, &base));
  INVALID(alloc_new(&__default_lib_malloc_allocator, type, SIZE_MAX, &base));
  INVALID(alloc_new(&__default_lib_malloc_allocator, type, 1, NULL));
  INVALID(alloc_new(&__mmap_allocator, type, 0, &base));
  INVALID(alloc_new(&__mmap_allocator, type, SIZE_MAX, &base));
  INVALID(alloc_resize(block, 10, 0, NULL));
  INVALID(alloc_resize(block, 10, ODD, &base));
  INVALID(alloc_resize(block, 0, 0, &base));
  IS(alloc_resize(NULL, 10, 0, &base), ALLOC_E_NOTHING_THERE);
  IS(alloc_free(NULL), ALLOC_E_NOTHING_THERE);
  INVALID(alloc_set_type(block, NULL));
  IS(alloc_set_type(block, uniqtype_array_of(type, 100)), ALLOC_E_DOES_NOT_FIT);
  IS(alloc_set_type(NULL, type), ALLOC_E_NOTHING_THERE);
  INVALID(alloc_insert(block, 1, 0, NULL));
  INVALID(alloc_insert(block, 1, ODD, &base));
  INVALID(alloc_remove(block, 1, 0, NULL));
  INVALID(alloc_remove(block, 1, 1, &base));
  struct alloc_protocol protocol = {.size = sizeof protocol, .find = find, .next = find}, half = protocol, small = protocol;
  half.next = NULL, small.size = 8;
  INVALID(alloc_register_allocator(NULL, &protocol));
  INVALID(alloc_register_allocator(&mine, NULL));
  INVALID(alloc_register_allocator(&nameless, &protocol));
  INVALID(alloc_register_allocator(&mine, &half));
  INVALID(alloc_register_allocator(&mine, &small));
  INVALID(alloc_register_allocator(&__mmap_allocator, &protocol));
  INVALID(alloc_promote(block, NULL));
  INVALID(alloc_promote(block, &mine));
  INVALID(alloc_promote(block, &__mmap_allocator));
  IS(alloc_demote(NULL), ALLOC_E_NOTHING_THERE);
  IS(alloc_demote(block), ALLOC_E_NOTHING_THERE);

  /* allocs/sequence.h */
  struct alloc_sequence_family family = {.size = sizeof family, .name = "family", .decode = decode}, unnamed = family, odd = family, undecoded = family;
  unnamed.name = NULL, odd.flags = ODD, undecoded.decode = NULL;
  INVALID(alloc_make_sequence(block, NULL));
  INVALID(alloc_make_sequence(block, &unnamed));
  INVALID(alloc_make_sequence(block, &odd));
  INVALID(alloc_make_sequence(block, &undecoded));
  IS(alloc_make_sequence(NULL, &family), ALLOC_E_NOTHING_THERE);
  IS(alloc_note_family(0) == NULL && alloc_note_family(16) == NULL && alloc_note_family(4) != NULL, 1);
  IS(alloc_note_family(ALLOC_NOTES_BIG_ENDIAN) == NULL && alloc_note_family(16 | ALLOC_NOTES_BIG_ENDIAN) == NULL && alloc_note_family(8 | ALLOC_NOTES_BIG_ENDIAN) != NULL, 1);
  INVALID(alloc_insert_element(block, "x", 2, 0, NULL));
  INVALID(alloc_insert_element(block, NULL, 2, 0, &base));
  INVALID(alloc_insert_element(block, "x", 0, 0, &base));
  INVALID(alloc_insert_element(block, "x", 2, ODD, &base));
  INVALID(alloc_remove_element(block, 1, &base));
  INVALID(alloc_remove_element(block, 0, NULL));
  INVALID(alloc_replace_element(block, NULL, 2, 0, &base));
  INVALID(alloc_replace_element(block, "x", 0, 0, &base));
  INVALID(alloc_replace_element(block, "x", 2, ODD, &base));
  INVALID(alloc_replace_element(block, "x", 2, 0, NULL));

  /* allocs/walk.h, allocs/interpreter.h, allocs/frame.h, allocs/container.h, allocs/elf_file.h */
  INVALID(alloc_walk_tree(&info, 0, NULL, NULL));
  INVALID(alloc_walk_tree(&info, ODD, step_visitor, text));
  INVALID(alloc_walk_covering(&a_node, -1, 0, NULL, NULL));
  INVALID(alloc_walk_covering(&a_node, -1, ODD, subobject_visitor, text));
  INVALID(alloc_walk_covering(&a_node, 8, 0, subobject_visitor, text));
  INVALID(alloc_walk_covering(&a_node, -2, 0, subobject_visitor, text));
  INVALID(alloc_walk_parts(NULL, info.type, 8, 0, subobject_visitor, text));
  INVALID(alloc_walk_parts(&a_node, NULL, 8, 0, subobject_visitor, text));
  INVALID(alloc_walk_parts(&a_node, info.type, 8, 0, NULL, NULL));
  INVALID(alloc_walk_parts(&a_node, info.type, 8, ODD, subobject_visitor, text));
  INVALID(alloc_walk_blocks_of_type(NULL, 0, block_visitor, text));
  INVALID(alloc_walk_blocks_of_type(type, 0, NULL, text));
  INVALID(alloc_walk_blocks_of_type(type, ODD, block_visitor, text));
  INVALID(alloc_walk_referrers(block, 0, NULL, text));
  INVALID(alloc_walk_referrers(block, 1, reference_visitor, text));
  INVALID(alloc_walk_graph(0, NULL, text));
  INVALID(alloc_walk_graph(1, reached_visitor, text));
  INVALID(alloc_find_route(block, 1, &step, 1));
  INVALID(alloc_find_route(block, 0, NULL, 1));
  struct alloc_interpreter broken = *alloc_pointer_interpreter();
  broken.interpret = NULL;
  INVALID(alloc_walk_interpreted(&info, NULL, 0, interpreted_visitor, text));
  INVALID(alloc_walk_interpreted(&info, &broken, 0, interpreted_visitor, text));
  INVALID(alloc_walk_interpreted(&info, alloc_pointer_interpreter(), 1, interpreted_visitor, text));
  INVALID(alloc_walk_interpreted(&info, alloc_pointer_interpreter(), 0, NULL, text));
  INVALID(alloc_interpret(block, NULL, 0, &referent));
  INVALID(alloc_interpret(block, &broken, 0, &referent));
  INVALID(alloc_interpret(block, alloc_pointer_interpreter(), ODD, &referent));
  INVALID(alloc_interpret(block, alloc_pointer_interpreter(), 0, NULL));
  INVALID(alloc_walk_frame(&info, 0, NULL, text));
  INVALID(alloc_walk_frame(&info, ODD, place_visitor, text));
  INVALID(alloc_begin_elements(NULL, block, &elements));
  INVALID(alloc_begin_elements(type, NULL, &elements));
  INVALID(alloc_begin_elements(type, block, NULL));
  struct point { int x; } point = {1};
  IS(alloc_begin_elements(type, &point, &elements), ALLOC_E_NO_SUCH_OPERATION);
  struct alloc_element element;
  INVALID(alloc_next_element(&elements, &element)); /* not begun */
  memset(&elements, 0, sizeof elements);
  INVALID(alloc_next_element(&elements, &element));
  INVALID(alloc_next_element(NULL, &element));
  INVALID(alloc_next_element(&elements, NULL));
  INVALID(alloc_make_elf_file(NULL, 64));
  INVALID(alloc_make_elf_file(block, 0));
  INVALID(alloc_make_elf_file(block, SIZE_MAX));
  INVALID(alloc_make_elf_file(block, 65));

  /* allocs/stop.h, allocs/move.h */
  INVALID(alloc_stop_others(0, 0, &report));
  INVALID(alloc_stop_others(9, 0, &report));
  INVALID(alloc_stop_others(11, 0, &report));
  INVALID(alloc_stop_others(1000, 0, NULL));
  INVALID(alloc_resume_others());
  INVALID(alloc_walk_stopped(NULL, NULL));
  IS(strcmp(alloc_register_name(-1), "?") == 0 && strcmp(alloc_register_name(1000), "?") == 0, 1);
  INVALID(alloc_migrate(block, NULL, NULL, NULL));
  INVALID(alloc_migrate(block, &mine, NULL, &base));
  IS(alloc_migrate(NULL, NULL, NULL, &base), ALLOC_E_NOTHING_THERE);
  INVALID(alloc_resize_moving(block, 10, NULL, &base));
  INVALID(alloc_resize_moving(block, 10, &moving, NULL));
  INVALID(alloc_resize_moving(block, 0, &moving, &base));
  struct alloc_move moves[2] = {{.obj = block}, {.obj = block}};
  INVALID(alloc_migrate_all(moves, 1, NULL, &failed));
  INVALID(alloc_migrate_all(NULL, 1, &moving, &failed));
  INVALID(alloc_migrate_all(moves, 2, &moving, &failed));
  IS(alloc_migrate_all(NULL, 0, &moving, NULL), 0);
  IS(*alloc_obstacle_message(-5) != 0, 1);

  /* allocs/lifetime.h */
  struct alloc_policy policy = {.size = sizeof policy, .name = "policy"}, no_name = policy, short_one = policy, third = policy;
  no_name.name = NULL, short_one.size = 8, third.kind = ALLOC_HOLDS_UNTIL_FREED;
  INVALID(alloc_register_holder(NULL, &holder));
  INVALID(alloc_register_holder(&policy, NULL));
  INVALID(alloc_register_holder(&no_name, &holder));
  INVALID(alloc_register_holder(&short_one, &holder));
  INVALID(alloc_register_holder(&third, &holder));
  INVALID(alloc_hold(block, NULL));
  INVALID(alloc_hold(block, (struct alloc_holder *)&info));
  INVALID(alloc_hold(block, alloc_explicit_holder()));
  IS(alloc_hold(NULL, alloc_counted_holder()), ALLOC_E_NOTHING_THERE);
  INVALID(alloc_let_go(block, NULL));
  IS(alloc_let_go(block, alloc_counted_holder()), ALLOC_E_NOT_HELD);
  IS(alloc_let_go(NULL, alloc_counted_holder()), ALLOC_E_NOTHING_THERE);
  INVALID(alloc_get_holders(block, NULL, 1));
  IS(alloc_get_holders(block, NULL, 0), 1);
  IS(alloc_get_holders(NULL, &held, 1), ALLOC_E_NOTHING_THERE);
  INVALID(alloc_collect(NULL));
  alloc_set_excess_free(NULL, NULL);
  IS(alloc_count_excess_frees(), 0);

  /* allocs/uniqtype.h */
  unsigned line = 77;
  IS(uniqtype_by_name(NULL) == NULL && uniqtype_by_name("no such type") == NULL && uniqtype_by_name("") == NULL, 1);
  IS(uniqtype_pointer_to(NULL) == NULL && uniqtype_array_of(NULL, 3) == NULL, 1);
  IS(uniqtype_array_of(type, SIZE_MAX / 2) == NULL, 1);
  IS(strcmp(uniqtype_member_name(type, 1), "value") == 0 && uniqtype_member_name(type, 2) == NULL && uniqtype_member_name(color, 0) == NULL, 1);
  IS(uniqtype_member_alias(type, 0) == NULL && uniqtype_member_alias(type, 9) == NULL, 1);
  IS(uniqtype_is_big_endian(NULL), 0);
  IS(uniqtype_is_big_endian(color), 0);
  IS(strcmp(uniqtype_enumerator_name(color, 1), "green") == 0 && uniqtype_enumerator_name(color, 2) == NULL && uniqtype_enumerator_name(type, 0) == NULL, 1);
  IS(uniqtype_describe(type, NULL, 0) > 0 && uniqtype_symbol_name(type, NULL, 0) > 0, 1);
  IS(uniqtype_name(NULL) != NULL && uniqtype_size(type) == 16, 1);
  IS(uniqtype_declaration(uniqtype_pointer_to(type), &line) == NULL, 1);

  /* Nothing has changed. */
  alloc_query(block, 0, &other);
  IS(memcmp(&info, &other, sizeof info), 0);
  IS(errno, 4711);
  IS(base == &base, 1);
  printf("%d checks, %d wrong\n", checks, wrong);
  return 0;
}
EOF
build a.c -O1 -Wall -Wno-nonnull -Werror
preload ./a > out || fail "exit status $?: $(cat out)"
expect out <<'EOF'
[1-9][0-9][0-9] checks, 0 wrong
EOF

# Each function that there is occurs here, or in the tests that put it to every allocator, into a race, and into a handler.
for function in $(grep -o 'X(\(alloc\|uniqtype\)_[a-z0-9_]*)' "$ALLOCS_SOURCE/src/base/public_names.h" | sed 's/X(\(.*\))/\1/'); do
  grep -qw "$function" "$ALLOCS_SOURCE"/tests/behaviour/every_*.sh || echo "$function"
done > untested
[ ! -s untested ] || fail "without a test here: $(cat untested)"
