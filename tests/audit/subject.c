/* SPDX-License-Identifier: Apache-2.0 */
/* The C subject of the audit: statics, thread-locals of four threads, ten nested frames and more, literals, functions, the heap. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "types.h"

void note_heap(void);

/* ---- statics ---- */

#define DEFINE(tag, type, parts)     \
  __typeof__(type) g_##tag;          \
  static __typeof__(type) s_##tag;   \
  __thread __typeof__(type) t_##tag; \
  static __thread __typeof__(type) st_##tag;
EACH_TYPE(DEFINE)
int g_initialised = 42;
struct point g_point_initialised = {1, 2};
const struct outer g_constant = {.id = 7};
static const int s_constant_table[] = {1, 2, 3, 5, 8};
volatile int g_volatile;

static void note_statics(void) {
#define NOTE(tag, type, parts)                     \
  OBJECT("global", "static", g_##tag, type, parts) \
  OBJECT("static", "static", s_##tag, type, parts)
  EACH_TYPE(NOTE)
#undef NOTE
  OBJECT("global", "static", g_initialised, int, NO_PARTS)
  OBJECT("global", "static", g_point_initialised, struct point, PARTS_point)
  OBJECT("global", "static", g_constant, const struct outer, NO_PARTS)
  OBJECT("static", "static", s_constant_table, const int[5], NO_PARTS)
  OBJECT("global", "static", g_volatile, volatile int, NO_PARTS)
}

static void note_function_statics(void) {
#define NOTE(tag, type, parts)      \
  static __typeof__(type) in_##tag; \
  OBJECT("function static", "static", in_##tag, type, parts)
  EACH_TYPE(NOTE)
#undef NOTE
  {
    static int same_name = 1;
    OBJECT("function static", "static", same_name, int, NO_PARTS)
  }
  {
    static double same_name = 2;
    OBJECT("function static", "static", same_name, double, NO_PARTS)
  }
}

static void note_thread_locals(const char* kind) {
#define NOTE(tag, type, parts)                     \
  OBJECT(kind, "tls-symbol", t_##tag, type, parts) \
  OBJECT(kind, "tls-symbol", st_##tag, type, parts)
  EACH_TYPE(NOTE)
#undef NOTE
}

/* ---- literals and functions ---- */

static const char* const table_of_texts[] = {"first of the table", "second of the table", "third"};
static const char* kept_text = "a text in a variable";
static const char* volatile sink;

static void note_literals(void) {
  LITERAL("a text as an argument")
  LITERAL("another one, %d formatted\n")
  LITERAL("")
  const char* local_text = "a text of a local";
  note_object("literal", "static", __func__, "", "char[]", local_text, sizeof "a text of a local");
  note_object("literal", "static", __func__, "", "char[]", kept_text,
              sizeof "a text in a variable");
  note_object("literal", "static", __func__, "", "char[]", table_of_texts[0],
              sizeof "first of the table");
  note_object("literal", "static", __func__, "", "char[]", table_of_texts[1],
              sizeof "second of the table");
  note_object("literal", "static", __func__, "", "char[]", table_of_texts[2], sizeof "third");
  for (int i = 0; i < 2; ++i) sink = i == 0 ? "either" : "or";
  note_object("literal", "static", __func__, "", "char[]", sink, sizeof "or");
}

__attribute__((noinline)) static int twice(int x) { return 2 * x; }
__attribute__((noinline)) double mix(float a, unsigned char b, const struct outer* c,
                                     struct point d) {
  return a + b + (double)c->id + d.x;
}
int counting(const char* format, ...) { return format[0]; }
__attribute__((noinline)) static struct outer* none(void) { return NULL; }

#define FUNCTION(f, type)                                                            \
  _Static_assert(__builtin_types_compatible_p(__typeof__(f), __typeof__(type)), #f); \
  note_object("function", "static", "", #f, #type, (const void*)&f, 1);
int main(int argc, char** argv);

static void note_functions(void){
    FUNCTION(twice, int(int))
        FUNCTION(mix, double(float, unsigned char, const struct outer*, struct point))
            FUNCTION(counting, int(const char*, ...)) FUNCTION(none, struct outer*(void))
                FUNCTION(main, int(int, char**)) FUNCTION(note_functions, void(void))
                    FUNCTION(note_heap, void(void))}
/* ---- frames ---- */

#define LOCAL(tag, type, parts)         \
  __typeof__(type) l_##tag;             \
  memset(&l_##tag, 0, sizeof(l_##tag)); \
  OBJECT("local", "stackframe", l_##tag, type, parts)
#define FORMAL(name, type, parts) OBJECT("formal", "stackframe", name, type, parts)
#define NOINLINE __attribute__((noinline)) static

NOINLINE int frame_deepest(int depth) {
  struct point at_the_end = {depth, 0};
  OBJECT("local", "stackframe", at_the_end, struct point, PARTS_point)
  ask_everything();
  return at_the_end.x;
}

NOINLINE int frame_recursive(int depth) {
  int here[4] = {depth};
  OBJECT("local, recursive", "stackframe", here, int[4], NO_PARTS)
  FORMAL(depth, int, NO_PARTS)
  return here[0] + (depth == 0 ? frame_deepest(depth) : frame_recursive(depth - 1));
}

static int handled;
static void frame_handler(int signal, siginfo_t* info, void* context) {
  long in_handler[3] = {signal, info != NULL, context != NULL};
  OBJECT("local of a signal handler", "stackframe", in_handler, long[3], NO_PARTS)
  FORMAL(signal, int, NO_PARTS)
  handled = frame_recursive(2) + (int)in_handler[0];
}

NOINLINE int frame_signalled(void) {
  struct sigaction action = {.sa_sigaction = frame_handler, .sa_flags = SA_SIGINFO};
  struct inner interrupted = {.c = 1};
  OBJECT("local below a signal", "stackframe", interrupted, struct inner, PARTS_inner)
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  return handled + interrupted.c;
}

static int compared;
static int frame_compare(const void* left, const void* right) {
  const int order = *(const int*)left - *(const int*)right;
  OBJECT("local", "stackframe", order, const int, NO_PARTS)
  FORMAL(left, const void*, NO_PARTS)
  FORMAL(right, const void*, NO_PARTS)
  if (compared++ == 0) return order + frame_signalled();
  return order;
}

NOINLINE int frame_through_libc(void) {
  int sorted[2] = {2, 1};
  OBJECT("local", "stackframe", sorted, int[2], NO_PARTS)
  qsort(sorted, 2, sizeof(int), frame_compare);
  return sorted[0];
}

NOINLINE int frame_variadic(int count, ...) {
  va_list list;
  va_start(list, count);
  int picked = va_arg(list, int);
  OBJECT("local", "stackframe", picked, int, NO_PARTS)
  FORMAL(count, int, NO_PARTS)
  picked += frame_through_libc();
  va_end(list);
  return picked;
}

static inline __attribute__((always_inline)) int inlined(int base) {
  struct point in_line = {base, base};
  OBJECT("local, inlined", "stackframe", in_line, struct point, PARTS_point)
  return frame_variadic(2, 3, 4) + in_line.y;
}

NOINLINE int frame_with_inlined(int start) {
  int around[3] = {start};
  OBJECT("local", "stackframe", around, int[3], NO_PARTS)
  return inlined(around[0]) + around[1];
}

NOINLINE int frame_blocks(int n) {
  int outermost = n;
  OBJECT("local", "stackframe", outermost, int, NO_PARTS)
  for (int i = 0; i < 2; ++i) {
    struct point of_loop = {i, n};
    if (i == 0) {
      OBJECT("local of a block", "stackframe", of_loop, struct point, PARTS_point) {
        double deeper[2] = {n};
        OBJECT("local of a block", "stackframe", deeper, double[2], NO_PARTS)
        n += frame_with_inlined(n) + (int)deeper[0];
      }
    }
    n += of_loop.x;
  }
  return n + outermost;
}

NOINLINE int frame_on_stack(int a, long b, char c, short d, unsigned e, int* f, long seventh,
                            signed char eighth, struct outer whole, float g, double* tenth,
                            struct point small) {
  FORMAL(a, int, NO_PARTS)
  FORMAL(b, long, NO_PARTS)
  FORMAL(c, char, NO_PARTS)
  FORMAL(d, short, NO_PARTS)
  FORMAL(e, unsigned int, NO_PARTS)
  FORMAL(f, int*, NO_PARTS)
  FORMAL(g, float, NO_PARTS)
#define ON_STACK(name, type, parts) OBJECT("formal on the stack", "stackframe", name, type, parts)
  ON_STACK(seventh, long, NO_PARTS)
  ON_STACK(eighth, signed char, NO_PARTS)
  ON_STACK(whole, struct outer, PARTS_outer)
  ON_STACK(tenth, double*, NO_PARTS)
  ON_STACK(small, struct point, PARTS_point)
  return frame_blocks(a) + (int)b + c + d + (int)e + *f + (int)seventh + eighth + whole.hue +
         (int)g + (int)tenth[0];
}

NOINLINE int frame_beyond_vla(int* sixth, struct point (*matrix)[3]) {
  struct outer whole = {.id = 7};
  double tenth[1] = {10};
  return frame_on_stack(1, 2, 3, 4, 5, sixth, 7, 8, whole, 9, tenth, matrix[0][0]);
}

#define PARTS_sized(o) ELEMENT(o[0], int) ELEMENT(o[3], int) ELEMENT(o[6], int)
#define PARTS_grid(o)            \
  ELEMENT(o[0][0], struct point) \
  PARTS_point(o[0][0]) ELEMENT(o[2][6], struct point) PARTS_point(o[2][6])
#define PARTS_cube(o) \
  ELEMENT(o[0][0][0], short) ELEMENT(o[1][2][1], short) ELEMENT(o[6][2][0], short)
#define PARTS_rows(o) ELEMENT(o[1][4], long)
#define PARTS_block(o) ELEMENT(o[11], char)

NOINLINE int frame_vla(int n, int m, struct point matrix[n][m]) {
  typedef long row_t[n];
  int sized[n];
  struct point grid[m][n];
  short cube[n][m][2];
  row_t row, rows[2];
  int(*pointer)[m] = NULL;
  memset(sized, 0, sizeof(sized));
  memset(grid, 0, sizeof(grid));
  memset(cube, 0, sizeof(cube));
  memset(row, 0, sizeof(row));
  memset(rows, 0, sizeof(rows));
  SIZED(sized, "int[7]", PARTS_sized)
  SIZED(grid, "struct point[3][7]", PARTS_grid)
  SIZED(cube, "short[7][3][2]", PARTS_cube)
  SIZED(row, "row_t", NO_PARTS)
  SIZED(rows, "long[2][7]", PARTS_rows)
  note_object("local", "stackframe", __func__, "pointer", "", &pointer, sizeof(pointer));
  FORMAL(n, int, NO_PARTS)
  int sum = 0;
  for (int i = 0; i < 2; ++i) {
    char block[n + m * i + 5];
    memset(block, 0, sizeof(block));
    if (i == 0) {
      SIZED(block, "char[12]", PARTS_block)
      sum = frame_beyond_vla(sized, matrix);
    }
    sum += block[0];
  }
  return sum + sized[n - 1] + cube[0][0][0] + (int)row[0] + (int)rows[1][0] + (pointer == NULL);
}

NOINLINE int frame_restrict(const char* const text, const struct point* restrict where) {
  OBJECT("formal", "stackframe", text, const char* const, NO_PARTS)
  FORMAL(where, const struct point* restrict, NO_PARTS)
  volatile int changing = where->x;
  const int fixed = text[0];
  OBJECT("local", "stackframe", changing, volatile int, NO_PARTS)
  OBJECT("local", "stackframe", fixed, const int, NO_PARTS)
  struct point matrix[7][3] = {{{1, 2}}};
  return frame_vla(7, 3, matrix) + changing + fixed;
}

NOINLINE int frame_realigned(const struct point* where) {
  struct aligned wide = {.first = where->y};
  struct inner beside = {.c = 2};
  OBJECT("local of a realigned frame", "stackframe", wide, struct aligned, PARTS_aligned)
  OBJECT("local of a realigned frame", "stackframe", beside, struct inner, PARTS_inner)
  return frame_restrict("text", where) + wide.first + beside.c;
}

NOINLINE int frame_structs(void) {
  EACH_STRUCT(LOCAL)
  return frame_realigned(&l_point) + l_outer.hue;
}

NOINLINE int frame_arrays(void) {
  EACH_ARRAY(LOCAL)
  return frame_structs() + l_matrix[0][0];
}

NOINLINE int frame_pointers(void) {
  EACH_POINTER(LOCAL)
  return frame_arrays() + (l_pv == NULL);
}

NOINLINE int frame_scalars(void) {
  EACH_SCALAR(LOCAL)
  return frame_pointers() + l_i;
}

/* ---- threads ---- */

static pthread_barrier_t noted;
static pthread_mutex_t finish = PTHREAD_MUTEX_INITIALIZER;

#define LOCAL_OF_THREAD(tag, type, parts) \
  __typeof__(type) l_##tag;               \
  memset(&l_##tag, 0, sizeof(l_##tag));   \
  OBJECT("local of another thread", "stackframe", l_##tag, type, parts)

NOINLINE int wait_in_thread(int depth) {
  EACH_POINTER(LOCAL_OF_THREAD)
  note_thread_locals("thread-local of another thread");
  pthread_barrier_wait(&noted);
  pthread_mutex_lock(&finish);
  pthread_mutex_unlock(&finish);
  return depth + (l_pv == NULL);
}

NOINLINE int go_on_in_thread(struct point at) {
  OBJECT("formal of another thread", "stackframe", at, struct point, PARTS_point)
  EACH_STRUCT(LOCAL_OF_THREAD)
  EACH_ARRAY(LOCAL_OF_THREAD)
  return wait_in_thread(at.x) + l_outer.hue + l_matrix[0][0];
}

static void* other_thread(void* argument) {
  struct point of_thread = {1, 2};
  OBJECT("local of another thread", "stackframe", of_thread, struct point, PARTS_point)
  const int sum = go_on_in_thread(of_thread);
  return of_thread.x == sum ? argument : NULL;
}

int main(int argc, char** argv) {
  enum { kThreads = 3 };
  pthread_t threads[kThreads];
  pthread_mutex_lock(&finish);
  pthread_barrier_init(&noted, NULL, kThreads + 1);
  for (int i = 0; i < kThreads; ++i) pthread_create(&threads[i], NULL, other_thread, &g_i);
  pthread_barrier_wait(&noted);
  note_thread_locals("thread-local");
  note_statics();
  note_function_statics();
  note_literals();
  note_functions();
  note_heap();
  note_object("argv", "auxv", "main", "argv", "char* [2]", argv,
              sizeof(char*) * (size_t)(argc + 1));
  FORMAL(argc, int, NO_PARTS)
  FORMAL(argv, char**, NO_PARTS)
  int result = frame_scalars();
  pthread_mutex_unlock(&finish);
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  return result == -1;
}
