/* SPDX-License-Identifier: Apache-2.0 */
/* The types of the C subject, and what their parts are. PARTS_x(o) lists every part of an object of type x. */
#ifndef AUDIT_TYPES_H
#define AUDIT_TYPES_H

#include "audit.h"

enum colour { red, green = 5, blue };

struct point {
  int x;
  int y;
};
#define PARTS_point(o) PART(o.x, int) PART(o.y, int)

struct inner {
  signed char c;
  short s[3];
  double d;
};
#define PARTS_inner(o)   \
  PART(o.c, signed char) \
  PART(o.s, short[3])    \
  ELEMENT(o.s[0], short) \
  ELEMENT(o.s[1], short) \
  ELEMENT(o.s[2], short) \
  PART(o.d, double)

struct outer {
  long id;
  struct inner in;
  struct inner pair[2];
  struct point* next;
  char name[12];
  enum colour hue;
};
#define PARTS_outer(o)                                                                \
  PART(o.id, long)                                                                    \
  PART(o.in, struct inner)                                                            \
  PARTS_inner(o.in) PART(o.pair, struct inner[2]) ELEMENT(o.pair[0], struct inner)    \
      PARTS_inner(o.pair[0]) ELEMENT(o.pair[1], struct inner) PARTS_inner(o.pair[1])  \
          PART(o.next, struct point*) PART(o.name, char[12]) ELEMENT(o.name[0], char) \
              ELEMENT(o.name[6], char) ELEMENT(o.name[11], char) PART(o.hue, enum colour)

union number {
  int i;
  double d;
  struct point p;
};
#define PARTS_number(o)                           \
  PART_OF_KIND("union member", o.i, int)          \
  PART_OF_KIND("union member", o.d, double)       \
  PART_OF_KIND("union member", o.p, struct point) \
  PART_OF_KIND("union member", o.p.x, int)        \
  PART_OF_KIND("union member", o.p.y, int)

struct bits {
  unsigned a : 3;
  unsigned b : 7;
  int c : 12;
  unsigned long d : 40;
  _Bool e : 1;
  int whole;
};
#define PARTS_bits(o)            \
  BIT_FIELD(o, a, unsigned int)  \
  BIT_FIELD(o, b, unsigned int)  \
  BIT_FIELD(o, c, int)           \
  BIT_FIELD(o, d, unsigned long) \
  BIT_FIELD(o, e, _Bool)         \
  PART(o.whole, int)

struct anonymous {
  int tag;
  union {
    long whole;
    struct {
      int low;
      int high;
    };
  };
  short after;
};
#define PARTS_anonymous(o)                    \
  PART(o.tag, int)                            \
  PART_OF_KIND("union member", o.whole, long) \
  PART_OF_KIND("union member", o.low, int)    \
  PART_OF_KIND("union member", o.high, int)   \
  PART(o.after, short)

typedef struct {
  float re;
  float im;
} complex_t;
#define PARTS_complex(o) PART(o.re, float) PART(o.im, float)

struct operations {
  int (*open)(const char*);
  void (*close)(int, void*);
  struct operations* next;
};
#define PARTS_operations(o)           \
  PART(o.open, int (*)(const char*))  \
  PART(o.close, void (*)(int, void*)) \
  PART(o.next, struct operations*)

struct __attribute__((packed)) packed {
  char c;
  int i;
  short s;
};
#define PARTS_packed(o)                                                                       \
  note_part("member", #o ".c", "char", (char*)&(o), 1);                                       \
  note_part("member", #o ".i", "int", (char*)&(o) + offsetof(struct packed, i), sizeof(int)); \
  note_part("member", #o ".s", "short", (char*)&(o) + offsetof(struct packed, s), sizeof(short));

struct __attribute__((aligned(64))) aligned {
  int first;
  char last[5];
};
#define PARTS_aligned(o) \
  PART(o.first, int) PART(o.last, char[5]) ELEMENT(o.last[0], char) ELEMENT(o.last[4], char)

struct flexible {
  unsigned count;
  struct point items[];
};

#define PARTS_matrix(o) \
  ELEMENT(o[0], int[4]) \
  ELEMENT(o[0][0], int) \
  ELEMENT(o[1], int[4]) \
  ELEMENT(o[1][2], int) \
  ELEMENT(o[2][3], int)
#define PARTS_text(o) ELEMENT(o[0], char) ELEMENT(o[6], char) ELEMENT(o[12], char)
#define PARTS_strings(o) ELEMENT(o[0], char*) ELEMENT(o[1], char*) ELEMENT(o[2], char*)
#define PARTS_points(o)                                                                       \
  ELEMENT(o[0], struct point)                                                                 \
  PARTS_point(o[0]) ELEMENT(o[2], struct point) PARTS_point(o[2]) ELEMENT(o[4], struct point) \
      PARTS_point(o[4])

#define PARTS_fields(o) \
  ELEMENT(o[0], struct bits) PARTS_bits(o[0]) ELEMENT(o[2], struct bits) PARTS_bits(o[2])
#define PARTS_numbers(o)                      \
  ELEMENT(o[0], union number)                 \
  PART_OF_KIND("union member", o[1].i, int)   \
  PART_OF_KIND("union member", o[1].p.y, int) \
  PART_OF_KIND("union member", o[1].d, double)
#define PARTS_nameless(o)                        \
  ELEMENT(o[1], struct anonymous)                \
  PART(o[0].tag, int)                            \
  PART_OF_KIND("union member", o[1].whole, long) \
  PART_OF_KIND("union member", o[1].high, int)   \
  PART(o[1].after, short)

/* X(tag, type, parts) */
#define EACH_SCALAR(X)                  \
  X(c, char, NO_PARTS)                  \
  X(sc, signed char, NO_PARTS)          \
  X(uc, unsigned char, NO_PARTS)        \
  X(s, short, NO_PARTS)                 \
  X(us, unsigned short, NO_PARTS)       \
  X(i, int, NO_PARTS)                   \
  X(u, unsigned int, NO_PARTS)          \
  X(l, long, NO_PARTS)                  \
  X(ul, unsigned long, NO_PARTS)        \
  X(f, float, NO_PARTS)                 \
  X(d, double, NO_PARTS)                \
  X(ld, long double, NO_PARTS)          \
  X(b, _Bool, NO_PARTS)                 \
  X(wide, __int128, NO_PARTS)           \
  X(uwide, unsigned __int128, NO_PARTS) \
  X(z, _Complex double, NO_PARTS)       \
  X(zf, _Complex float, NO_PARTS)       \
  X(zl, _Complex long double, NO_PARTS) \
  X(ll, long long, NO_PARTS)            \
  X(ull, unsigned long long, NO_PARTS)  \
  X(w, wchar_t, NO_PARTS)               \
  X(e, enum colour, NO_PARTS)
#define EACH_POINTER(X)          \
  X(pc, char*, NO_PARTS)         \
  X(ppc, char**, NO_PARTS)       \
  X(pv, void*, NO_PARTS)         \
  X(pp, struct point*, NO_PARTS) \
  X(pf, int (*)(int), NO_PARTS)  \
  X(pa, int(*)[4], NO_PARTS)     \
  X(pe, enum colour*, NO_PARTS)
#define EACH_STRUCT(X)                               \
  X(point, struct point, PARTS_point)                \
  X(inner, struct inner, PARTS_inner)                \
  X(outer, struct outer, PARTS_outer)                \
  X(number, union number, PARTS_number)              \
  X(bits, struct bits, PARTS_bits)                   \
  X(anonymous, struct anonymous, PARTS_anonymous)    \
  X(complex, complex_t, PARTS_complex)               \
  X(operations, struct operations, PARTS_operations) \
  X(packed, struct packed, PARTS_packed)
#define EACH_ARRAY(X)                              \
  X(matrix, int[3][4], PARTS_matrix)               \
  X(text, char[13], PARTS_text)                    \
  X(strings, char* [3], PARTS_strings)             \
  X(fields, struct bits[3], PARTS_fields)          \
  X(numbers, union number[2], PARTS_numbers)       \
  X(nameless, struct anonymous[2], PARTS_nameless) \
  X(points, struct point[5], PARTS_points)
#define EACH_ALIGNED(X) X(aligned, struct aligned, PARTS_aligned)
#define EACH_TYPE(X) EACH_SCALAR(X) EACH_POINTER(X) EACH_STRUCT(X) EACH_ARRAY(X) EACH_ALIGNED(X)

#endif
