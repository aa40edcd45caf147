#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A block of ELF notes, or of machine code, is a sequence: its elements are those that readelf and objdump tell.
. "$(dirname "$0")/lib.sh"
require objcopy objdump readelf

cat > a.c <<'END'
#include <allocs/sequence.h>
#include <allocs/walk.h>
#include <elf.h>
#include <stdio.h>
#include <string.h>

static char *load(const char *name, size_t *size) {
  FILE *file = fopen(name, "rb");
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*size);
  if (fread(bytes, 1, *size, file) != *size) abort();
  fclose(file);
  return bytes;
}

static int list(const char *pool, const char *format) {
  struct alloc_info info, parent, each;
  struct alloc_cursor cursor;
  int count = 0;
  alloc_query(pool, 0, &info);
  alloc_get_parent(&info, 0, &parent);
  alloc_begin_children(&parent, 0, &cursor);
  for (; alloc_next_child(&cursor, &each) == 1; ++count) {
    if (each.base == pool && format != NULL) fprintf(stderr, "%s %s\n", each.allocator->name, uniqtype_name(each.type));
    if (format != NULL) printf(format, (unsigned long)((const char *)each.base - pool), each.size);
  }
  return count;
}

static int notes(const char *name, size_t alignment) {
  size_t size;
  char *bytes = load(name, &size), path[200];
  if (alloc_make_sequence(bytes, alloc_note_family(alignment)) != 0) return 1;
  struct alloc_info info;
  for (size_t at = 0; at < size; at += info.size) {
    if (alloc_query(bytes + at, 0, &info) != 0 || info.base != bytes + at) return 1;
    const Elf64_Nhdr *note = info.base;
    printf("%s 0x%08x\n", (const char *)(note + 1), note->n_descsz);
  }
  alloc_query(bytes, 0, &info);
  for (size_t at = 0; at < 20; at += 4) {
    alloc_format_path(bytes + at, 0, path, sizeof path);
    fprintf(stderr, "%s: %s\n", uniqtype_name(info.type), path + (path[0] == '(' ? strcspn(path, ")") : 0));
  }
  /* A description that is longer than what is there ends the sequence. */
  ((Elf64_Nhdr *)(uintptr_t)bytes)->n_descsz = 0x7fffffff;
  alloc_query(bytes, 0, &info);
  fprintf(stderr, "broken: %s\n", info.allocator->name);
  return 0;
}

static int code(const char *name) {
  size_t size;
  char *bytes = load(name, &size);
  fprintf(stderr, "%d\n", alloc_make_sequence(bytes, alloc_x86_family()));
  /* Last byte first, so that nothing has been found before: whoever asks anywhere gets the one that the walk tells. */
  struct alloc_info at, back;
  unsigned long wrong = 0;
  alloc_query(bytes + size - 1, 0, &back);
  for (size_t i = size; i-- > 0;) {
    if (alloc_query(bytes + i, ALLOC_NOWAIT, &at) != 0) ++wrong;
    wrong += at.base > (void *)(bytes + i) || (char *)at.base + at.size <= bytes + i;
    if (at.base != back.base) wrong += (char *)at.base + at.size != back.base, back = at;
  }
  fprintf(stderr, "wrong: %lu\n", wrong);
  list(bytes, "%lx\n");
  return wrong != 0;
}

/* What is remembered goes with the sequence: the same memory, and other memory of that size, may hold other code next. */
static void changed(void) {
  for (int round = 0; round < 3; ++round) {
    unsigned char *bytes = calloc(4096, 1); /* add %al,(%rax): two bytes each */
    alloc_make_sequence(bytes, alloc_x86_family());
    int count = list((char *)bytes, NULL);
    memset(bytes, 0x90, 4096);
    int found = alloc_demote(bytes);
    alloc_make_sequence(bytes, alloc_x86_family());
    fprintf(stderr, "%d %d %d\n", count, found, list((char *)bytes, NULL));
    memset(bytes, 0x06, 4096); /* none of 64 bits */
    struct alloc_info info;
    alloc_query(bytes + 9, 0, &info);
    fprintf(stderr, "%zu %d\n", info.size, info.type == NULL && info.type_error == ALLOC_E_NO_TYPE);
    alloc_demote(bytes);
    free(bytes);
  }
}

int main(int argc, char **argv) {
  if (argc > 2 && argv[1][0] == 'n') return notes(argv[2], argv[1][1] - '0');
  if (argc > 2) return code(argv[2]);
  struct alloc_sequence_family odd = *alloc_x86_family();
  odd.flags = 2;
  int of_odd = alloc_make_sequence(&odd, &odd);
  fprintf(stderr, "%d %d %d %d\n", alloc_note_family(0) == NULL, alloc_note_family(16) == NULL, of_odd, alloc_make_sequence(NULL, alloc_x86_family()));
  changed();
  return 0;
}
END
build a.c -Wall -Wextra -Werror

preload ./a 2> out || fail "exit status $?"
expect out <<'END'
1 1 -12 -1
2048 0 4096
1 1
2048 0 4096
1 1
2048 0 4096
1 1
END

# Code, with jumps over tables, of this very program and of what only an optimiser writes.
cat > b.c <<'END'
#include <math.h>
#include <string.h>
double sums[64];
int pick(int n, char *s) {
  switch (n) {
    case 1: return strlen(s); case 2: return s[1]; case 3: return s[2] * 3; case 4: return 99; case 5: return s[0] / 7; case 6: return s[4] << 3;
  }
  for (int i = 0; i < 64; ++i) sums[i] = sqrt(sums[i]) * n + (unsigned char)s[i];
  return n * 0x12345678;
}
long double wide(long double x) { return x * x + 1; }
END
for flags in -O0 -O3 '-O3 -mavx2' '-O3 -mavx512f' '-Os -mcmodel=large'; do
  # shellcheck disable=SC2086
  $CC $flags -c -o b.o b.c
  objcopy -O binary -j .text b.o code
  preload ./a code code > told 2> out || fail "exit status $?: $(cat out)"
  objdump -w -b binary -m i386:x86-64 -D code | sed -n 's/^ *\([0-9a-f]*\):.*/\1/p' > wanted
  [ "$(wc -l < wanted)" -gt 50 ] || fail "$flags: objdump told little"
  cmp wanted told || fail "$flags: not what objdump tells: $(diff wanted told | head)"
  expect out <<'END'
0
wrong: 0
x86 instructions __ARR0_unsigned_char$8
END
done

# Notes of both alignments.
cat > n.s <<'END'
  .section .note.first,"a",@note
  .p2align 2
  .long 4, 16, 3
  .asciz "GNU"
  .fill 16, 1, 0x5a
  .long 5, 6, 7
  .asciz "four"
  .p2align 2
  .ascii "sixsix"
  .p2align 2
  .long 1, 0, 9
  .byte 0
  .p2align 2
  .section .note.second,"a",@note
  .p2align 3
  .long 4, 12, 0x105
  .asciz "GNU"
  .fill 12, 1, 0x11
  .p2align 3
  .long 6, 8, 5
  .asciz "eight"
  .p2align 3
  .quad 3
END
$CC -c n.s
for section in first:4 second:8; do
  objcopy -O binary -j .note.${section%:*} n.o notes
  preload ./a n${section#*:} notes > told 2> out || fail "$section: exit status $?: $(cat out)"
  readelf -nW n.o | awk -v section=.note.${section%:*} '/^Displaying/ {on = $NF == section}
    on && $1 ~ /^0x/ {print " " $1; next} on && $2 ~ /^0x/ {print $1 " " $2}' > wanted
  cmp wanted told || fail "$section: not what readelf tells: $(diff wanted told)"
  expect out <<'END'
elf_note: )*)->n_namesz
elf_note: )*)->n_descsz
elf_note: )*)->n_type
elf_note: )*)->n_contents\[0\]
elf_note: )*)->n_contents\[4\]
broken: __default_lib_malloc
END
done
