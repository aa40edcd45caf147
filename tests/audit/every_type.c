// SPDX-License-Identifier: Apache-2.0
// Shapes of types that C has. What other readers say about them is compared with the metadata.
#include <complex.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <uchar.h>
#include <wchar.h>

enum small { small_none, small_negative = -5, small_large = 0x7fffffff };
enum large { large_one = 1, large_most = 0xffffffffffffffffu };
enum __attribute__((packed)) tiny { tiny_one = 1, tiny_two = 200 };
typedef enum { unnamed_first, unnamed_second = 77 } unnamed_enumeration;

struct opaque;
union either;
struct node {
  struct node *next, **previous;
  const volatile struct opaque* hidden;
  union either* either;
};
struct fields {
  unsigned first : 3;
  int second : 7;
  unsigned : 0;
  bool flag : 1;
  enum small of_enumeration : 4;
  long long wide : 40;
  unsigned char byte : 8;
  unsigned short half : 16;
  int whole : 32;
};
struct __attribute__((packed)) packed_fields {
  char before;
  int straddles : 27;
  unsigned long long far : 61;
  short after;
  int last : 5;
};
struct fields_between {
  char a;
  int b : 4, c : 4;
  char d;
  long e : 1;
  char f;
};
struct __attribute__((packed)) packed_members {
  char a;
  long b;
  double c;
  struct {
    char d;
    int e;
  } f;
};
struct __attribute__((aligned(64))) aligned_members {
  char a __attribute__((aligned(32)));
  int b;
};
struct flexible {
  int count;
  char text[];
};
struct old_flexible {
  int count;
  struct node nodes[0];
};
struct flexible_of_flexible {
  long n;
  struct {
    int a, b;
  } pairs[];
};
struct empty {};
struct with_empty {
  int a;
  struct empty nothing;
  struct empty some[3];
  int b;
};
union either {
  int integer;
  float real;
  struct {
    short low, high;
  };
  char bytes[7];
  unsigned bits : 5;
};
typedef struct {
  int x, y;
  union {
    int z;
    struct {
      char q[3];
    };
  };
  struct {
    long inner;
  } named;
} unnamed_structure;
typedef unnamed_structure another_name;
struct arrays {
  int matrix[3][4][5];
  unnamed_structure table[2];
  char* (*pointer_to_array)[7];
  int (*functions[4])(const char*, ...);
  void (*(*returns_function)(int, void (*)(void)))(struct node*);
  int one[1], none[0];
};
struct numbers {
  char c;
  signed char sc;
  unsigned char uc;
  short s;
  unsigned short us;
  int i;
  unsigned u;
  long l;
  unsigned long ul;
  long long ll;
  unsigned long long ull;
  __int128 huge;
  unsigned __int128 uhuge;
  float f;
  double d;
  long double ld;
  __float128 quad;
  float complex fc;
  double complex dc;
  long double complex ldc;
  bool b;
  wchar_t wide;
  char16_t c16;
  char32_t c32;
  size_t size;
  ptrdiff_t difference;
  int64_t i64;
  intptr_t ip;
  va_list arguments;
};
typedef int vector __attribute__((vector_size(16)));
struct vectors {
  vector v;
  float __attribute__((vector_size(32))) w;
};

struct node nodes[3];
struct fields fields;
struct packed_fields packed_fields;
struct fields_between fields_between;
struct packed_members packed_members;
struct aligned_members aligned_members;
struct flexible flexible = {3, "abcdefg"};
struct old_flexible old_flexible;
struct flexible_of_flexible flexible_of_flexible;
struct with_empty with_empty;
union either either;
another_name named_by_typedef;
struct arrays arrays;
struct numbers numbers;
struct vectors vectors;
enum large large;
enum tiny tiny;
unnamed_enumeration unnamed;
static const char* const words[] = {"one", "two"};
extern int declared_array[];
int declared_array[6];
_Thread_local struct node* of_thread;
volatile int sink;

static __attribute__((noinline)) int local_types(int n, struct arrays* a, double values[static 4]) {
  struct local {
    int a[2];
    enum { local_a, local_b = 9 } which;
  } local = {{n, 2}, local_b};
  static struct {
    int count;
    char text[5];
  } kept;
  int sized[n][3];
  for (int i = 0; i < n; i++) {
    const struct local copy = local;
    sized[i][0] = copy.a[0] + kept.count++;
    sink = sized[i][0];
  }
  return local.a[0] + a->one[0] + (int)values[0];
}
int without_prototype() { return 1; }
int variadic(const char* format, ...) { return format[0]; }
unnamed_structure by_value(struct fields f, union either e, vector v) {
  sink = f.second + e.integer + v[0];
  return named_by_typedef;
}
int main(int argc, char** argv) {
  double values[4] = {argc, 1, 2, 3};
  struct local {
    char other;
  } local = {argv[0][0]};
  sink = local.other + by_value(fields, either, vectors.v).x + words[argc & 1][0];
  of_thread = nodes;
  return local_types(argc, &arrays, values) + variadic("x") + without_prototype() > 1000;
}
