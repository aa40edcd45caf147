#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A mapped ELF file is a tree of typed allocations, whose references lead where the loader and the linker say.
. "$(dirname "$0")/lib.sh"

cat > a.c <<'END'
#define _GNU_SOURCE
#include <allocs/elf_file.h>
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static Elf64_Sym a_symbol;
static Elf64_Shdr a_header;
__attribute__((noinline)) int answer(int n) { return n * 42 + 7; }

static char *map(const char *name, size_t *size) {
  struct stat status;
  int fd = open(name, O_RDONLY);
  fstat(fd, &status);
  *size = (size_t)status.st_size;
  char *at = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  return at;
}

/* Every child is found again by its address, and knows its parent. Returns how many there are, below too. */
static long wrong;
static long check(const struct alloc_info *parent) {
  struct alloc_cursor cursor;
  struct alloc_info child, again, leaf;
  const char *end = parent->base;
  long count = 0;
  alloc_begin_children(parent, 0, &cursor);
  for (; alloc_next_child(&cursor, &child) == 1; ++count) {
    const char *base = child.base;
    if (base < end || base + child.size > (const char *)parent->base + parent->size) ++wrong;
    end = base + child.size;
    if (count > 300) continue; /* asking costs a look at the mappings */
    const char *places[] = {base, base + child.size / 2, end - 1};
    for (int i = 0; i < 3; ++i) {
      if (alloc_get_child(parent, places[i], 0, &again) != 0 || again.base != base || again.size != child.size || again.allocator != child.allocator) ++wrong;
      if (alloc_query(places[i], 0, &leaf) != 0 || (const char *)leaf.base < base || leaf.size > child.size) ++wrong;
    }
    if (alloc_get_parent(&child, 0, &again) != 0 || again.base != parent->base || again.allocator != parent->allocator) ++wrong;
    count += check(&child);
  }
  return count;
}

static const Elf64_Sym *symbol_of(const struct alloc_info *file, const char *name, const char *table) {
  struct alloc_cursor cursor;
  struct alloc_info part;
  struct alloc_referent text;
  alloc_begin_children(file, 0, &cursor);
  while (alloc_next_child(&cursor, &part) == 1) {
    if (part.name == NULL || strcmp(part.name, table) != 0) continue;
    for (const Elf64_Sym *each = part.base; each != (const Elf64_Sym *)((const char *)part.base + part.size); ++each)
      if (alloc_interpret(&each->st_name, alloc_elf_interpreter(), 0, &text) == 0 && strcmp(text.at, name) == 0) return each;
  }
  return NULL;
}

static const void *in_handler_at;
static const char *in_handler_name;
static void handler(int number) {
  struct alloc_referent referent;
  (void)number;
  in_handler_name = alloc_interpret(in_handler_at, alloc_elf_interpreter(), ALLOC_NOWAIT, &referent) == 0 ? referent.at : NULL;
}

struct tally { long of[6], failed; };
static int tally(const struct alloc_step *place, const struct alloc_referent *referent, void *context) {
  struct tally *all = context;
  struct alloc_referent again;
  if (referent->error != 0) ++all->failed;
  ++all->of[referent->how];
  if (all->of[referent->how] < 20) { /* asked alone it is the same */
    alloc_interpret(alloc_place_base(place), alloc_elf_interpreter(), 0, &again);
    if (memcmp(&again, referent, sizeof again) != 0) ++wrong;
  }
  return 0;
}
static int stop(const struct alloc_step *place, const struct alloc_referent *referent, void *context) {
  (void)place, (void)referent, (void)context;
  return 77;
}
static int never(void *environment, const struct alloc_step *place) { (void)environment, (void)place; return ALLOC_E_REFUSED; }

int main(int argc, char **argv) {
  size_t size;
  (void)argc;
  char *file = map("/proc/self/exe", &size);
  printf("errors: %d %d %d", alloc_make_elf_file(NULL, size), alloc_make_elf_file(file, 0), alloc_make_elf_file(file, size + 8192));
  size_t length;
  char *text = map(argv[1], &length);
  printf(" %d %d %d\n", alloc_make_elf_file(text, length), alloc_make_elf_file(file, 63), alloc_make_elf_file((void *)8, 64));
  printf("made: %d", alloc_make_elf_file(file, size));
  printf(" %d\n", alloc_make_elf_file(file, size));

  struct alloc_info info, part;
  alloc_query(file, 0, &part);
  printf("%s, %s: %s %d\n", part.allocator->name, part.name, uniqtype_name(part.type), part.allocator == alloc_elf_allocator());
  alloc_get_parent(&part, 0, &info);
  long all = check(&info);
  printf("in %s: %d, wrong: %ld\n", info.allocator->name, all > 100, wrong);

  /* The same types as the program's own. */
  const Elf64_Sym *symbol = symbol_of(&info, "answer", ".symtab");
  printf("types: %d %d\n", UNIQTYPE_ARRAY_ELEMENT_TYPE(alloc_get_type(symbol)) == alloc_get_type(&a_symbol),
         uniqtype_by_name("Elf64_Shdr") == alloc_get_type(&a_header));

  /* The symbol's value leads to the bytes that run. */
  struct alloc_referent to;
  printf("answer: %d", alloc_interpret(&symbol->st_value, alloc_elf_interpreter(), 0, &to));
  printf(" %d %d %d\n", to.how == ALLOC_ELF_ADDRESS, to.size == symbol->st_size, memcmp(to.at, (const void *)answer, to.size));
  printf("starts an instruction: %d of %s\n", alloc_get_base(to.at) == to.at, alloc_get_allocator(to.at)->name);
  printf("section: %d", alloc_interpret(&symbol->st_shndx, alloc_elf_interpreter(), 0, &to));
  alloc_interpret(&((const Elf64_Shdr *)to.at)->sh_name, alloc_elf_interpreter(), 0, &to);
  printf(" %s\n", (const char *)to.at);
  const Elf64_Sym *zero = symbol_of(&info, "a_symbol", ".symtab"), *other = symbol_of(&info, "printf", ".dynsym");
  printf(".bss has no bytes: %d", alloc_interpret(&zero->st_value, alloc_elf_interpreter(), 0, &to));
  printf(" %d %d;", to.at == NULL, to.how);
  printf(" undefined: %d\n", alloc_interpret(&other->st_value, alloc_elf_interpreter(), 0, &to));

  struct alloc_interpreter broken = *alloc_elf_interpreter(), none = *alloc_elf_interpreter();
  broken.interpret = NULL, none.can_interpret = never;
  printf("no reference: %d", alloc_interpret(&symbol->st_size, alloc_elf_interpreter(), 0, &to));
  printf(" %d", alloc_interpret(text, alloc_elf_interpreter(), 0, &to));
  printf(" %d", alloc_interpret((void *)8, alloc_elf_interpreter(), 0, &to));
  printf("; invalid: %d %d %d %d", alloc_interpret(symbol, NULL, 0, &to), alloc_interpret(symbol, &broken, 0, &to), alloc_interpret(symbol, alloc_elf_interpreter(), 8, &to),
         alloc_interpret(symbol, alloc_elf_interpreter(), 0, NULL));
  printf("; refused: %d\n", alloc_interpret(symbol, &none, 0, &to));

  struct tally told = {{0}, 0};
  printf("walked: %d,", alloc_walk_interpreted(&info, alloc_elf_interpreter(), 0, tally, &told));
  for (int i = 1; i < 6; ++i) printf(" %d", told.of[i] > 0);
  printf(", wrong: %ld\n", wrong);
  printf("ended: %d %d; invalid: %d %d %d\n", alloc_walk_interpreted(&info, alloc_elf_interpreter(), 0, stop, NULL), alloc_walk_interpreted(&info, &none, 0, stop, NULL),
         alloc_walk_interpreted(&info, &broken, 0, tally, &told), alloc_walk_interpreted(&info, alloc_elf_interpreter(), 1, tally, &told),
         alloc_walk_interpreted(&info, alloc_elf_interpreter(), 0, NULL, NULL));

  /* In a block, behind something else: a member of an archive. */
  char *block = malloc(size + 100);
  memcpy(block + 68, file, size);
  printf("in a block: %d", alloc_make_elf_file(block + 68, size));
  printf(" %s at %ld\n", alloc_get_type(block + 70) == NULL ? "?" : uniqtype_name(alloc_get_type(block + 70)), (long)((char *)alloc_get_base(block + 70) - block));
  in_handler_at = block + 68 + ((const char *)&symbol->st_name - file);
  signal(SIGUSR1, handler);
  raise(SIGUSR1);
  printf("in a handler: %s\n", in_handler_name == NULL ? "?" : in_handler_name);
  printf("before and behind it: %s %s\n", alloc_get_allocator(block + 10)->name, alloc_get_allocator(block + size + 99)->name);
  printf("after: %d", alloc_demote(file));
  printf(" %s; %d", alloc_get_allocator(symbol)->name, alloc_interpret(&symbol->st_name, alloc_elf_interpreter(), 0, &to) == 0);
  printf(" %d\n", alloc_demote(block));
  free(block);

  /* A file that is shorter now than its mapping. */
  if (truncate(argv[2], 100) != 0) return 1;
  char *cut = map(argv[2], &size);
  munmap(cut, size);
  int fd = open(argv[2], O_RDWR);
  if (ftruncate(fd, 20000) != 0) return 1;
  cut = mmap(NULL, 20000, PROT_READ, MAP_SHARED, fd, 0);
  if (ftruncate(fd, 5000) != 0) return 1;
  printf("cut: %d", alloc_make_elf_file(cut, 20000));
  printf(" %d\n", alloc_make_elf_file(cut, 5000));
  return 0;
}
END
build a.c -Wall -Wextra -Werror -O1
cp a copy
preload ./a a.c copy > out || fail "exit status $?"
expect out <<'END'
errors: -12 -12 -12 -25 -25 -1
made: 0 -20
ELF file, ELF header: Elf64_Ehdr 1
in mmap: 1, wrong: 0
types: 1 1
answer: 0 1 1 0
starts an instruction: 1 of x86 instructions
section: 0 .text
.bss has no bytes: -1 1 2; undefined: -14
no reference: -14 -4 -1; invalid: -12 -12 -12 -12; refused: -24
walked: 0, 1 1 1 1 1, wrong: 0
ended: 77 -24; invalid: -12 -12 -12
in a block: 0 Elf64_Ehdr at 68
in a handler: answer
before and behind it: __default_lib_malloc __default_lib_malloc
after: 0 mmap; 0 0
cut: -1 0
END

# A language that the program makes up: indices into a table, which is the environment.
cat > b.c <<'END'
#include <allocs/interpreter.h>
#include <stdio.h>
#include <string.h>
typedef unsigned index_t;
struct entry { const char *name; index_t next; };
struct table { size_t count; struct entry *entries; };

static int is_index(void *environment, const struct alloc_step *place) {
  (void)environment;
  return place->subobject != NULL && place->subobject->name != NULL && strcmp(place->subobject->name, "next") == 0 ? 5 : 0;
}
static int entry_at(void *environment, const struct alloc_step *place, int how, struct alloc_referent *referent) {
  const struct table *table = environment;
  index_t index = *(const index_t *)alloc_place_base(place);
  if (how != 5 || index >= table->count) return ALLOC_E_NOTHING_THERE;
  referent->at = &table->entries[index], referent->size = sizeof(struct entry);
  return 0;
}
static int print(const struct alloc_step *place, const struct alloc_referent *referent, void *context) {
  const struct table *table = context;
  char path[100];
  alloc_format_path(alloc_place_base(place), 0, path, sizeof path);
  printf("%s -> ", strchr(path, ')') + 1 + strcspn(strchr(path, ')') + 1, "[-"));
  if (referent->error != 0) printf("%s\n", alloc_error_message(referent->error));
  else printf("%ld, %zu\n", (long)((const struct entry *)referent->at - table->entries), referent->size);
  return 0;
}
static int count(const struct alloc_step *place, const struct alloc_referent *referent, void *context) {
  (void)place, (void)referent;
  return ++*(long *)context, 0;
}
static int count_pointer(const struct alloc_reference *reference, void *context) {
  (void)reference;
  return ++*(long *)context, 0;
}

int main(void) {
  struct entry *entries = malloc(4 * sizeof *entries);
  for (int i = 0; i < 4; ++i) entries[i] = (struct entry){"x", (index_t)(i == 0 ? 1 : i == 1 ? 3 : 0)};
  entries[3].next = 9;
  struct table table = {4, entries};
  struct alloc_interpreter indices = {.size = sizeof indices, .name = "indices", .environment = &table, .can_interpret = is_index, .interpret = entry_at};
  struct alloc_info block;
  alloc_query(entries, 0, &block);
  printf("%d\n", alloc_walk_interpreted(&block, &indices, 0, print, &table));
  /* Followed to the end of the chain. */
  struct alloc_referent to = {.at = entries};
  int steps = 0;
  while (alloc_interpret(&((const struct entry *)to.at)->next, &indices, 0, &to) == 0) ++steps;
  printf("%d steps, then %d of kind %d\n", steps, to.error, to.how);
  long pointers = 0, references = 0;
  alloc_walk_interpreted(&block, alloc_pointer_interpreter(), 0, count, &pointers);
  alloc_walk_references(entries, 0, count_pointer, &references);
  printf("%ld pointers of %ld;", pointers, references);
  printf(" %d", alloc_interpret(&entries[2].name, alloc_pointer_interpreter(), 0, &to));
  printf(" %d\n", to.at == entries[2].name);
  entries[2].name = NULL;
  printf("%d", alloc_interpret(&entries[2].name, alloc_pointer_interpreter(), 0, &to));
  printf(" %d\n", to.at == NULL);
  return 0;
}
END
build b.c -Wall -Wextra -Werror
preload ./b > out || fail "exit status $?"
expect out <<'END'
\[0\].next -> 1, 16
\[1\].next -> 3, 16
\[2\].next -> 0, 16
\[3\].next -> nothing *
0
2 steps, then -1 of kind 5
4 pointers of 4; 0 1
-1 1
END
