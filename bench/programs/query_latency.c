// SPDX-License-Identifier: Apache-2.0
// usage: query_latency CALLS LIVE_BLOCKS     What each kind of question costs, in-process and warm.
//        query_latency --pause               Prints "name address" of one address of each kind, then waits for the end of its input.
//
// Prints "time KIND CALL ns", the median over batches of CALLS calls each, and "answer KIND base-offset size error type-error path".
// Under callgrind each batch is counted as the part named "KIND CALL"; the script divides by CALLS.
// Built with -DPEER_ASAN -fsanitize=address, the only call is AddressSanitizer's own.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifdef PEER_ASAN
const char* __asan_locate_address(void*, char*, size_t, void**, size_t*);
#else
#include <allocs.h>
#include <allocs/uniqtype.h>
#endif
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#define CALLGRIND_ZERO_STATS (void)0
#define CALLGRIND_DUMP_STATS_AT(label) (void)0
#endif

struct part {
  char tag[8];
  double weight[4];
};
struct item {
  int key;
  struct part part;
  struct item* next;
};

enum { kBatches = 15, kRandomAddresses = 1 << 16, kDepth = 7 };
struct item g_table[16];
__thread struct item t_own;
static long g_calls;

// A set of addresses of one kind, asked for in turn.
struct kind {
  const char* name;
  const void* const* addresses;
  size_t mask;  // their number - 1
};

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}
static int by_value(const void* a, const void* b) {
  return (*(double*)a > *(double*)b) - (*(double*)a < *(double*)b);
}
static uint64_t next_random(uint64_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

#define KEEP(value) __asm__ volatile("" : : "r"(value) : "memory")

// The loop stands in this function for each call, so that what is measured is the call alone.
#define MEASURE(kind, call_name, expression)                               \
  do {                                                                     \
    double ns[kBatches];                                                   \
    const int batches = RUNNING_ON_VALGRIND ? 2 : kBatches;                \
    for (int batch = 0; batch < batches; batch++) {                        \
      CALLGRIND_ZERO_STATS;                                                \
      const long long start = now();                                       \
      for (long i = 0; i < g_calls; i++) {                                 \
        const void* address = (kind)->addresses[(size_t)i & (kind)->mask]; \
        KEEP(expression);                                                  \
      }                                                                    \
      ns[batch] = (double)(now() - start) / (double)g_calls;               \
    }                                                                      \
    if (RUNNING_ON_VALGRIND) {                                             \
      char label[64];                                                      \
      snprintf(label, sizeof label, "%s %s", (kind)->name, call_name);     \
      CALLGRIND_DUMP_STATS_AT(label);                                      \
    }                                                                      \
    qsort(ns, (size_t)batches, sizeof ns[0], by_value);                    \
    printf("time %s %s %.2f\n", (kind)->name, call_name, ns[batches / 2]); \
  } while (0)

static __attribute__((noinline)) void measure(const struct kind* kind) {
#ifdef PEER_ASAN
  char name[64];
  void* region;
  size_t size;
  MEASURE(kind, "locate", __asan_locate_address((void*)address, name, sizeof name, &region, &size));
#else
  struct alloc_info info;
  char path[256];
  MEASURE(kind, "base", alloc_get_base(address));
  MEASURE(kind, "size", alloc_get_size(address));
  MEASURE(kind, "type", alloc_get_type(address));
  MEASURE(kind, "query_nowait", alloc_query(address, ALLOC_NOWAIT, &info));
  MEASURE(kind, "query", alloc_query(address, 0, &info));
  MEASURE(kind, "path", alloc_format_path(address, 0, path, sizeof path));

  const char* const first = kind->addresses[0];
  alloc_query(first, 0, &info);
  if (alloc_format_path(first, 0, path, sizeof path) < 0) path[0] = 0;
  printf("answer %s %ld %zu %d %d %s %s\n", kind->name,
         info.base != NULL ? (long)(first - (const char*)info.base) : -1L, info.size, info.error,
         info.type_error, info.type != NULL ? uniqtype_name(info.type) : "-", path);
#endif
}

static void measure_one(const char* name, const void* address) {
  measure(&(struct kind){name, &address, 0});
}

// Asks about a variable of the frame that many calls above.
static __attribute__((noinline)) void measure_from_below(int depth, const void* address) {
  if (depth == 0) {
    measure_one("stack", address);
  } else {
    measure_from_below(depth - 1, address);
  }
  __asm__ volatile("");  // no tail call
}

static __attribute__((noinline)) void measure_stack(void) {
  volatile struct item local = {.key = 1};
  measure_from_below(kDepth, (const void*)&local.part.weight[1]);
  KEEP(local.key);
}

static void measure_random(long live) {
  void** blocks = malloc((size_t)live * sizeof *blocks);
  const void** addresses = malloc(kRandomAddresses * sizeof *addresses);
  uint64_t random = 88172645463325252u;
  for (long i = 0; i < live; i++) blocks[i] = malloc(16 + (next_random(&random) & 127));
  for (int i = 0; i < kRandomAddresses; i++)
    addresses[i] = (char*)blocks[next_random(&random) % (uint64_t)live] + 8;
  measure(&(struct kind){"heap_random", addresses, kRandomAddresses - 1});
  for (int i = 0; i < kRandomAddresses; i++) addresses[i] = (const void*)next_random(&random);
  measure(&(struct kind){"wild", addresses, kRandomAddresses - 1});
  for (long i = 0; i < live; i++) free(blocks[i]);
  free(blocks);
  free(addresses);
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  struct item* small = malloc(sizeof *small);
  struct item* two_kib = malloc(2048);
  struct item* mebibyte = malloc(1 << 20);
  struct item* gone = malloc(sizeof *gone);
  memset(small, 0, sizeof *small);
  void* volatile hole = gone;  // the address is wanted, not the block
  free(gone);
  const char* literal = "a string literal";
  char* mapping = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (strcmp(argv[1], "--pause") == 0) {
    printf("heap %p\nstatic %p\nfunction %p\nstack %p\n", (void*)&small->part.weight[1],
           (void*)&g_table[3].part.weight[1], (void*)(uintptr_t)main, (void*)&small);
    fflush(stdout);
    return read(0, mapping, 1) < 0;
  }
  g_calls = atol(argv[1]);
  measure_one("heap_base", small);
  measure_one("heap_interior", &small->part.weight[1]);
  measure_one("heap_2KiB", (char*)two_kib + 1500);
  measure_one("heap_1MiB", (char*)mebibyte + 700000);
  measure_one("static", &g_table[3].part.weight[1]);
  measure_one("function", (const void*)(uintptr_t)main);
  measure_one("literal", literal + 2);
  measure_one("tls", &t_own.part.weight[1]);
  measure_stack();
  measure_one("argv", argv[0]);
  measure_one("mmap", mapping + 5000);
  measure_one("free_heap", hole);
  measure_random(argc > 2 ? atol(argv[2]) : 1000);
  return 0;
}
