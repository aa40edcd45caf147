#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every function that says to be async-signal-safe is called by a handler after each single instruction of what changes the most: malloc and free, holding, promoting, declaring a sequence and a file,
# and of functions that wait. Each answers what it answers elsewhere, or that it cannot be told at the moment, and the interrupted call goes on.
. "$(dirname "$0")/lib.sh"

cat > a.cc << 'END'
#include <allocs/elf_file.h>
#include <allocs/frame.h>
#include <allocs/interpreter.h>
#include <allocs/lifetime.h>
#include <allocs/move.h>
#include <allocs/sequence.h>
#include <allocs/stop.h>
#include <allocs/walk.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "at_every_instruction.h"

struct node { node *next; long value; };
static node variable = {nullptr, 5};
static node *block;            // stays, and points to the variable
static char *texts;            // a sequence in a block
static char *pool;             // of the program's own allocator
static char *whole;            // a file
static long wrong, calls;
static const char *name;
static void is(bool is_so, const char *what) {
  ++calls;
  if (!is_so && ++wrong < 10) fprintf(stderr, "%s: %s\n", name, what);
}
static int count_block(const alloc_info *info, void *context) { return info->base == block ? ++*static_cast<long *>(context), 0 : 0; }
static int count_subobject(const alloc_subobject *, void *context) { return ++*static_cast<long *>(context), 0; }
static int count_place(const alloc_frame *, const alloc_frame_place *, void *context) { return ++*static_cast<long *>(context), 0; }
static int count_stopped(const alloc_stopped_thread *, void *context) { return ++*static_cast<long *>(context), 0; }
static uniqtype *type;
// What is asked in each turn is another part, so that the stepping ends.
static void ask_about(unsigned turn) {
  alloc_info info, parent, child;
  alloc_cursor cursor;
  alloc_traits traits;
  alloc_path_entry path[30];
  alloc_referent referent;
  char text[200];
  long count = 0;
  node local = {&variable, 1};
  switch (turn) {
    case 0:
      is(alloc_query(&block->value, ALLOC_NOWAIT, &info) == 0 && info.base == block && info.type == type, "alloc_query");
      is(alloc_get_parent(&info, ALLOC_NOWAIT, &parent) == 0, "alloc_get_parent");
      is(alloc_get_child(&parent, block, ALLOC_NOWAIT, &child) == 0 && child.base == block, "alloc_get_child");
      is(alloc_get_traits(&info, &traits) == 0 && traits.lifetime == ALLOC_LIFE_FREED, "alloc_get_traits");
      is(alloc_get_protocol(info.allocator) != nullptr, "alloc_get_protocol");
      break;
    case 1:
      is(alloc_get_path(&block->value, ALLOC_NOWAIT, path, 30) >= 2, "alloc_get_path");
      is(alloc_format_path(&block->value, ALLOC_NOWAIT, text, sizeof text) > 0 && strstr(text, "value") != nullptr, "alloc_format_path");
      is(alloc_describe(&block->value, text, sizeof text) > 0, "alloc_describe");
      is(alloc_walk_covering(&block->value, -1, ALLOC_NOWAIT, count_subobject, &count) == 0 && count >= 1, "alloc_walk_covering");
      count = 0;
      is(alloc_walk_parts(block, type, sizeof *block, ALLOC_NOWAIT, count_subobject, &count) == 0 && count == 2, "alloc_walk_parts");
      break;
    case 2:
      is(alloc_interpret(&block->next, alloc_pointer_interpreter(), ALLOC_NOWAIT, &referent) == 0 && referent.at == &variable, "alloc_interpret");
      is(alloc_query(&variable, ALLOC_NOWAIT, &info) == 0 && info.base == &variable, "alloc_query of a variable");
      is(alloc_query(&local, ALLOC_NOWAIT, &info) == 0 && info.allocator == &__stackframe_allocator, "alloc_query of a frame");
      is(alloc_walk_frame(&local, ALLOC_NOWAIT, count_place, &count) == 0 && count > 0, "alloc_walk_frame");
      break;
    case 3: {
      const int error = alloc_query(pool + 70, ALLOC_NOWAIT, &info);
      is(error == 0 && (info.base == pool || info.base == pool + 64), "alloc_query in a pool");
      is(alloc_query(texts + 5, ALLOC_NOWAIT, &info) == 0 && (info.base == texts || info.base == texts + 4), "alloc_query in a sequence");
      alloc_query(whole, ALLOC_NOWAIT, &info);
      is(alloc_string_family() != nullptr && alloc_utf8_family() != nullptr && alloc_note_family(8) != nullptr && alloc_x86_family() != nullptr, "families");
      is(alloc_elf_allocator() != nullptr && alloc_elf_interpreter() != nullptr, "of ELF");
      break;
    }
    case 4:
      alloc_get_root(&info);
      is(alloc_begin_children(&info, ALLOC_NOWAIT, &cursor) == 0, "alloc_begin_children");
      for (int i = 0; i < 3 && alloc_next_child(&cursor, &child) == 1; ++i) ++count;
      is(alloc_walk_stopped(count_stopped, &count) == ALLOC_E_INVALID && alloc_resume_others() == ALLOC_E_INVALID, "nobody is stopped");
      is(strcmp(alloc_register_name(3), "rbx") == 0 && *alloc_error_message(-6) != 0 && *alloc_obstacle_message(2) != 0, "texts");
      is(alloc_explicit_holder() != nullptr && alloc_counted_holder() != nullptr && alloc_reachability_holder() != nullptr && alloc_count_excess_frees() == 0, "holders");
      break;
    case 5:
      is(strcmp(uniqtype_name(type), "node") == 0 && uniqtype_size(type) == sizeof(node) && uniqtype_describe(type, text, sizeof text) > 0 && uniqtype_symbol_name(type, text, sizeof text) > 0, "uniqtype names");
      is(uniqtype_is_big_endian(type) == 0, "uniqtype_is_big_endian");
      is(strcmp(uniqtype_member_name(type, 1), "value") == 0 && uniqtype_member_alias(type, 1) == nullptr && uniqtype_enumerator_name(type, 0) == nullptr, "members");
      unsigned line;
      uniqtype_declaration(type, &line);
      break;
    case 6:
      is(alloc_walk_blocks(ALLOC_NOWAIT, count_block, &count) == 0 && count == 1, "alloc_walk_blocks");
      count = 0;
      is(alloc_walk_blocks_of_type(type, ALLOC_NOWAIT, count_block, &count) == 0 && count == 1, "alloc_walk_blocks_of_type");
      break;
  }
}
static void ask(ucontext_t *) {
  // Walks over the heap seldom.
  const long turn = g_instructions % 64;
  ask_about(turn == 0 ? 6 : static_cast<unsigned>(turn % 6));
}
template <typename F> static void each(const char *what, long least, F work) {
  watch_instructions(ask);
  g_instructions = 0;
  name = what;
  start_stepping();
  work();
  stop_stepping();
  fprintf(stderr, "%s: %ld instructions\n", what, (long)g_instructions);
  if (g_instructions < least) printf("%s: only %ld instructions\n", what, (long)g_instructions);
}

static int find(void *, const alloc_info *parent, const void *at, unsigned, alloc_info *out) {
  out->base = static_cast<const char *>(parent->base) + (static_cast<const char *>(at) - static_cast<const char *>(parent->base)) / 64 * 64, out->size = 64;
  return 0;
}
static int next(void *context, const alloc_info *parent, const void *from, unsigned flags, alloc_info *out) {
  const auto into = (static_cast<const char *>(from) - static_cast<const char *>(parent->base) + 63) / 64 * 64;
  return static_cast<size_t>(into) >= parent->size ? int{ALLOC_E_NOTHING_THERE} : find(context, parent, static_cast<const char *>(parent->base) + into, flags, out);
}
static allocator slots = {"slots"};
static alloc_protocol protocol = {};

int main() {
  alloc_info info;
  type = alloc_get_type(&variable);
  void *made = nullptr;
  if (alloc_new(alloc_get_allocator(malloc(1)), type, 1, &made) != 0) return 2;
  block = static_cast<node *>(made);
  block->next = &variable;
  protocol.size = sizeof protocol, protocol.find = find, protocol.next = next;
  alloc_register_allocator(&slots, &protocol);
  pool = static_cast<char *>(malloc(640)), texts = static_cast<char *>(malloc(12));
  memcpy(texts, "one\0two\0six", 12);
  const int descriptor = open("/proc/self/exe", O_RDONLY);
  const auto size = static_cast<size_t>(lseek(descriptor, 0, SEEK_END));
  whole = static_cast<char *>(mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0));
  alloc_make_elf_file(whole, size), alloc_demote(whole);
  alloc_make_sequence(texts, alloc_string_family()), alloc_demote(texts);
  for (unsigned i = 0; i < 7; ++i) ask_about(i);  // so that all that is needed has been looked for
  alloc_query(&info, 0, &info);

  alloc_holder *const counted = alloc_counted_holder();
  each("malloc and free", 100, [] { for (size_t n = 10; n < 300000; n *= 7) free(realloc(malloc(n), n * 2)); });
  void *held = malloc(50);
  each("hold", 300, [&] { alloc_hold(held, counted); });
  each("free of what is held", 50, [&] { free(held); });
  each("the last lets go", 200, [&] { alloc_let_go(held, counted); });
  each("promote", 300, [] { alloc_promote(pool, &slots); });
  each("query in a pool", 100, [&] { alloc_query(pool + 100, 0, &info); });
  each("demote", 100, [] { alloc_demote(pool); });
  each("sequence", 300, [] { alloc_make_sequence(texts, alloc_string_family()); });
  each("no sequence", 100, [] { alloc_demote(texts); });
  each("new and free", 300, [] { void *b; if (alloc_new(alloc_get_allocator(block), type, 3, &b) == 0) alloc_free(b); });
  void *moves = malloc(500);
  each("migrate", 300, [&] { void *b; if (alloc_migrate(moves, nullptr, nullptr, &b) == 0) moves = b; });
  each("text", 300, [] { char text[300]; alloc_describe_wait(&variable, text, sizeof text); });
  printf("%ld wrong, %d\n", wrong, calls > 10000);
}
END
build a.cc -O1 -I"$ALLOCS_SOURCE/tests/programs" -fno-builtin
preload ./a > out || fail "exit status $?"
expect out << 'END'
0 wrong, 1
END
