#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The same for libraries other than the C library, as far as they are installed: every function that src/declarations/libraries.allocs
# tells of is called, its block has the type that is declared or that the caller means, and its site is where it should be.
. "$(dirname "$0")/lib.sh"

cat > show.h << 'END'
#define _GNU_SOURCE
#include <allocs.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct point { double x, y; };
static void show(const char *function, void *block) {
  struct alloc_info info;
  Dl_info site, here;
  const char *type = UNIQTYPE_NAME(alloc_get_type(block));
  alloc_query(block, 0, &info);
  dladdr((void *)show, &here);
  int is_here = info.site != NULL && dladdr(info.site, &site) && site.dli_fbase == here.dli_fbase;
  printf("%s: %s%s\n", function, type, is_here ? "" : " elsewhere");
}
#define TEXT(f, ...) show(#f, (void *)f(__VA_ARGS__))
#define POINT(f, ...) do { struct point *p = f(__VA_ARGS__); show(#f, p); } while (0)
#define ONE sizeof(struct point)
END
cat > libglib-2.0.so.0.c << 'END'
#include "show.h"
void *g_malloc(size_t), *g_malloc0(size_t), *g_realloc(void *, size_t), *g_try_malloc(size_t), *g_try_malloc0(size_t);
void *g_try_realloc(void *, size_t), *g_malloc_n(size_t, size_t), *g_malloc0_n(size_t, size_t), *g_realloc_n(void *, size_t, size_t);
void *g_try_malloc_n(size_t, size_t), *g_try_malloc0_n(size_t, size_t), *g_try_realloc_n(void *, size_t, size_t);
void *g_aligned_alloc(size_t, size_t, size_t), *g_aligned_alloc0(size_t, size_t, size_t), *g_memdup(const void *, unsigned), *g_memdup2(const void *, size_t);
char *g_strdup(const char *), *g_strndup(const char *, size_t), *g_strnfill(size_t, char), *g_strconcat(const char *, ...), *g_strjoin(const char *, ...);
char *g_strescape(const char *, const char *), *g_strcompress(const char *), *g_ascii_strdown(const char *, long), *g_ascii_strup(const char *, long);
char **g_strdupv(char **), *g_base64_encode(const unsigned char *, size_t), *g_get_current_dir(void), *g_path_get_basename(const char *), *g_path_get_dirname(const char *);
int main(int argc, char **argv) {
  struct point from = {argc, 0};
  POINT(g_malloc, ONE); POINT(g_malloc0, ONE); POINT(g_realloc, NULL, ONE); POINT(g_try_malloc, ONE); POINT(g_try_malloc0, ONE);
  POINT(g_try_realloc, NULL, ONE); POINT(g_malloc_n, argc, ONE); POINT(g_malloc0_n, argc, ONE); POINT(g_realloc_n, NULL, argc, ONE);
  POINT(g_try_malloc_n, argc, ONE); POINT(g_try_malloc0_n, argc, ONE); POINT(g_try_realloc_n, NULL, argc, ONE);
  POINT(g_aligned_alloc, argc, ONE, 64); POINT(g_aligned_alloc0, argc, ONE, 64); POINT(g_memdup, &from, ONE); POINT(g_memdup2, &from, ONE);
  TEXT(g_strdup, "text"); TEXT(g_strndup, "text", 2); TEXT(g_strnfill, 9, 'x'); TEXT(g_strconcat, "a", "b", NULL); TEXT(g_strjoin, ",", "a", "b", NULL);
  TEXT(g_strescape, "a\n", NULL); TEXT(g_strcompress, "a\\n"); TEXT(g_ascii_strdown, "A", -1); TEXT(g_ascii_strup, "a", -1);
  TEXT(g_base64_encode, (unsigned char *)"text", 4); TEXT(g_get_current_dir); TEXT(g_path_get_basename, "/a/b"); TEXT(g_path_get_dirname, "/a/b");
  TEXT(g_strdupv, argv);
}
END
cat > libcrypto.so.3.c << 'END'
#include "show.h"
void *CRYPTO_malloc(size_t, const char *, int), *CRYPTO_zalloc(size_t, const char *, int), *CRYPTO_realloc(void *, size_t, const char *, int);
void *CRYPTO_memdup(const void *, size_t, const char *, int);
char *CRYPTO_strdup(const char *, const char *, int), *CRYPTO_strndup(const char *, size_t, const char *, int);
int main(int argc, char **argv) {
  struct point from = {argc, 0};
  POINT(CRYPTO_malloc, ONE, "f", 1); POINT(CRYPTO_zalloc, ONE, "f", 1); POINT(CRYPTO_realloc, NULL, ONE, "f", 1);
  POINT(CRYPTO_memdup, &from, ONE, "f", 1); TEXT(CRYPTO_strdup, argv[0], "f", 1); TEXT(CRYPTO_strndup, argv[0], 2, "f", 1);
}
END
cat > libxml2.so.2.c << 'END'
#include "show.h"
unsigned char *xmlStrdup(const void *), *xmlStrndup(const void *, int), *xmlCharStrdup(const char *), *xmlStrcat(void *, const void *), *xmlStrncat(void *, const void *, int);
int main(void) {
  TEXT(xmlStrdup, "text"); TEXT(xmlStrndup, "text", 2); TEXT(xmlCharStrdup, "text");
  TEXT(xmlStrcat, xmlStrdup("text"), "more"); TEXT(xmlStrncat, xmlStrdup("text"), "more", 2);
}
END
echo 'int main(void) { return 0; }' > nothing.c
export XDG_CACHE_HOME="$PWD/cache"
shown=
for library in libglib-2.0.so.0 libcrypto.so.3 libxml2.so.2; do
  for compiler in $(command -v gcc || true) $(command -v clang || true); do
    for level in -O0 -O2; do
      $compiler -o nothing nothing.c -l:$library 2> /dev/null || continue
      mv $library.c a.c
      CC=$compiler build a.c $level -l:$library
      mv a.c $library.c
      shown="$shown $library"
      allocs run --quiet ./a > out
      sed -n "/^library $library/,/^\$/s/^alloc \([A-Za-z0-9_]*\)(.*/\1/p" "$ALLOCS_SOURCE/src/declarations/libraries.allocs" | sort > declared
      sed 's/:.*//' out | sort | comm -13 - declared > missing
      [ ! -s missing ] || fail "declared, but not shown here: $(cat missing)"
      while read -r function type; do
        case $function in
          g_strdupv:) wanted='__ARR0___PTR_signed_char$8 elsewhere' ;;
          *_n: | *aligned*) wanted=__ARR0_point ;;
          *malloc* | *zalloc: | *realloc: | *memdup*) wanted=point ;;
          xml*) wanted='__ARR0_unsigned_char$8' ;;
          *) wanted='__ARR0_signed_char$8' ;;
        esac
        [ "$type" = "$wanted" ] || fail "$compiler $level: $function $type instead of $wanted"
      done < out
    done
  done
done
[ -n "$shown" ] || skip "none of the libraries is installed"
