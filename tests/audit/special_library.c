/* SPDX-License-Identifier: Apache-2.0 */
/* The library that special.c opens: thread-locals of every type, an object and a function of each version of a name. */
#include <string.h>
#include "types.h"

#define DEFINE(tag, type, parts)           \
  __thread __typeof__(type) library_##tag; \
  static __thread __typeof__(type) of_library_##tag;
EACH_TYPE(DEFINE)
__thread struct point library_initialised = {5, 6};

void note_library_locals(const char* kind) {
#define NOTE(tag, type, parts)                           \
  OBJECT(kind, "tls-symbol", library_##tag, type, parts) \
  OBJECT(kind, "tls-symbol", of_library_##tag, type, parts)
  EACH_TYPE(NOTE)
#undef NOTE
  OBJECT(kind, "tls-symbol", library_initialised, struct point, PARTS_point)
}

struct point versioned_first = {1, 1};
struct inner versioned_second = {.c = 2};
int call_first(int x) { return x + 1; }
int call_second(int x) { return x + 2; }
__asm__(".symver versioned_first, versioned@FIRST");
__asm__(".symver versioned_second, versioned@@SECOND");
__asm__(".symver call_first, call@FIRST");
__asm__(".symver call_second, call@@SECOND");

void note_library(void) {
  OBJECT("versioned symbol", "static", versioned_first, struct point, PARTS_point)
  OBJECT("versioned symbol", "static", versioned_second, struct inner, PARTS_inner)
  note_object("versioned function", "static", "", "call_first", "int(int)",
              (const void*)&call_first, 1);
  note_object("versioned function", "static", "", "call_second", "int(int)",
              (const void*)&call_second, 1);
}
