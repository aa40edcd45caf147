#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `char *p = malloc(n)` is believed where the file does with the block what one does with bytes, and nothing else, wherever it hands it on. One use as something else, or a
# pointer that says nothing, leaves it plausible.
. "$(dirname "$0")/lib.sh"
cat > a.c << 'END'
#include <allocs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
struct text { char *bytes; size_t length; };
struct pool { char *memory; void *first; };
struct item { struct item *next; };
static size_t n;
static char *kept;
static void show(const char *what, const void *block) {
  struct alloc_info info;
  if (alloc_query(block, 0, &info) != ALLOC_OK || info.type == NULL) puts("no type");
  else printf("%s: %s %d%s\n", what, UNIQTYPE_NAME(info.type), info.type_grade, info.evidence & ALLOC_EV_SITE_USE ? " by its use" : "");
}
static void local(void) { char *p = malloc(n); p[0] = 1; show("local", p); free(p); }
static void unread(void) { char *p = malloc(n); show("unread", p); free(p); }
static void copied(void) { char *p = malloc(n), *q; q = p + 2; *q++ = 1; show("copied", p); free(p); }
static void copy_cast(void) { char *p = malloc(n), *q = p + 8; p[0] = 1; *(struct item *)q = (struct item){0}; show("copy cast", p); free(p); }
static void hidden(struct pool *pool) { char *p = malloc(n); p[0] = 1; pool->first = p; show("hidden", p); }
static void add(struct text *text, int c) { text->bytes[text->length++] = (char)c; }
static void member(struct text *text) { text->bytes = malloc(n); add(text, 1); show("member", text->bytes); }
static void pool(struct pool *pool) { pool->memory = malloc(n); pool->memory[0] = 1; show("pool", pool->memory); }
static struct item *carve(struct pool *pool) { return (struct item *)(pool->memory + 8); }
static void global(void) { kept = malloc(n); kept[1] = 1; show("global", kept); }
static char *made(void) { char *p = malloc(n + 1); p[0] = 1; return p; }
static struct item *made_item(void) { return (struct item *)made(); }
static void part(void) { char *p = malloc(n); memcpy(p + 4, "abc", 3); show("part", p); free(p); }
static void whole(void) { char *p = malloc(n); memcpy(p, "abc", 3); show("whole", p); free(p); }
static void sent(void) { char *p = malloc(n); struct iovec v; v.iov_base = p + 1; v.iov_len = 0; writev(1, &v, 1); show("sent", p); free(p); }
static char *text(void) { char *p = malloc(n + 2); p[0] = 1; return p; }
int main(int argc, char **argv) {
  struct text t = {0};
  struct pool p = {0};
  n = (size_t)argc * 100;
  (void)argv;
  local(); unread(); copied(); copy_cast(); hidden(&p); member(&t); pool(&p);
  carve(&p)->next = NULL;
  global();
  show("result", made_item());
  show("text", text());
  part(); whole(); sent();
  return 0;
}
END
command -v allocscc > /dev/null || skip "allocscc was not built"
for compiler in $(command -v gcc || true) $(command -v clang-19 || true); do
  for flags in -O0 -O2; do
    echo "$compiler $flags"
    allocscc --allocs-cc="$compiler" $flags -fno-inline -I "$ALLOCS_PREFIX/include" a.c "$ALLOCS_PREFIX/lib/liballocs_link.a" -o a
    preload ./a > out
    expect out << 'END'
local: __ARR0_signed_char$8 3 by its use
unread: __ARR0_signed_char$8 2
copied: __ARR0_signed_char$8 3 by its use
copy cast: __ARR0_signed_char$8 2
hidden: __ARR0_signed_char$8 2
member: __ARR0_signed_char$8 3 by its use
pool: __ARR0_signed_char$8 2
global: __ARR0_signed_char$8 3 by its use
result: __ARR0_signed_char$8 2
text: __ARR0_signed_char$8 3 by its use
part: __ARR0_signed_char$8 3 by its use
whole: __ARR0_signed_char$8 2
sent: __ARR0_signed_char$8 3 by its use
END
  done
done
