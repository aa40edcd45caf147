#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every function of the C library that src/declarations/libraries.allocs tells of returns what is declared, and the block's site is the
# program's call. A program's own function of such a name is its own.
. "$(dirname "$0")/lib.sh"

cat > a.c << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <argz.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
char *__strdup(const char *), *__strndup(const char *, size_t);
ssize_t __getdelim(char **, size_t *, int, FILE *);
static void show(const char *function, void *block) {
  struct uniqtype *type = alloc_get_type(block);
  struct alloc_info info;
  Dl_info site, here;
  alloc_query(block, 0, &info);
  dladdr((void *)show, &here);
  int is_here = info.site != NULL && dladdr(info.site, &site) && site.dli_fbase == here.dli_fbase;
  printf("%s: %s %s%s\n", function, UNIQTYPE_NAME(type), is_here ? "here" : "elsewhere",
         info.evidence & ALLOC_EV_LIBRARY_FACT ? "" : ", and nobody declared it");
}
int main(void) {
  char *line = NULL, *other = NULL, *third = NULL, *text = NULL;
  size_t room = 0, other_room = 0, third_room = 0, length = 0;
  char *words[] = {"a", "b", NULL};
  FILE *file = fopen("/proc/self/maps", "r");
  show("strdup", strdup("text"));
  show("__strdup", __strdup("text"));
  show("strndup", strndup("text", 2));
  show("__strndup", __strndup("text", 2));
  show("wcsdup", wcsdup(L"text"));
  if (getline(&line, &room, file) > 0) show("getline", line);
  if (getdelim(&other, &other_room, 'x', file) > 0) show("getdelim", other);
  if (__getdelim(&third, &third_room, 'x', file) > 0) show("__getdelim", third);
  show("getcwd", getcwd(NULL, 0));
  show("get_current_dir_name", get_current_dir_name());
  show("realpath", realpath("/usr/bin/../lib", NULL));
  show("canonicalize_file_name", canonicalize_file_name("/usr/lib"));
  show("tempnam", tempnam("/tmp", "x"));
  if (argz_create(words, &text, &length) == 0) show("argz_create", text);
  if (argz_create_sep("a:b", ':', &text, &length) == 0) show("argz_create_sep", text);
}
END
sed -n '/^# Copies of texts/,/^library libglib/s/^alloc \([A-Za-z_]*\)(.*/\1/p' "$ALLOCS_SOURCE/src/declarations/libraries.allocs" | sort > declared
cat > own.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
struct line { struct line *next; int number; };
__attribute__((noinline)) struct line *getdelim(void) { struct line *l = malloc(sizeof *l); l->next = NULL; return l; }
int main(void) { struct line *l = getdelim(); puts(UNIQTYPE_NAME(alloc_get_type(l))); }
END
sed -i 's/#include <stdio.h>/int puts(const char *);/' own.c
# A stream's buffer is an array of characters, whoever makes the stream allocate it.
cat > buffer.c << 'END'
#include <allocs.h>
#include <stdio.h>
int main(void) {
  FILE *in = fopen("/proc/self/maps", "r"), *out = fopen("written", "w");
  struct alloc_info of_in, of_out;
  if (in == NULL || out == NULL || getc(in) == EOF || putc('x', out) == EOF) return 1;
  alloc_query(in->_IO_buf_base, 0, &of_in);
  alloc_query(out->_IO_buf_base, 0, &of_out);
  printf("%s %d\n%s %d\n", UNIQTYPE_NAME(of_in.type), of_in.type_grade, UNIQTYPE_NAME(of_out.type), of_out.type_grade);
}
END
build buffer.c
ALLOCS_META=wait preload ./buffer > out
expect out << 'END'
__ARR0_signed_char$8 3
__ARR0_signed_char$8 3
END
for compiler in $(command -v gcc || true) $(command -v clang || true); do
  for level in -O0 -O2; do
    CC=$compiler build a.c $level -Wno-deprecated-declarations 2> /dev/null
    ALLOCS_META=wait preload ./a > out
    sed 's/:.*//' out | sort | comm -13 - declared > missing
    [ ! -s missing ] || fail "declared, but not shown here: $(cat missing)"
    sed 's/^[^ ]*: //' out | sort | uniq -c | sed 's/^ *//' > kinds
    expect kinds << END
1 __ARR0_int\$32 here
$(($(wc -l < declared) - 1)) __ARR0_signed_char\$8 here
END
    CC=$compiler build own.c $level -rdynamic
    ALLOCS_META=wait preload ./own > out
    [ "$(cat out)" = line ] || fail "a program's own getdelim: $(cat out)"
  done
done
