// SPDX-License-Identifier: Apache-2.0
// A small heap that is compacted while the program runs: all that lives in one space moves to the other, without gaps, and every pointer to it is
// rewritten, wherever it is. The program knows nothing of it: its records point to each other as they please.
//
//   c++ -std=c++20 -g -o compact_heap compact_heap.cc $(pkg-config --cflags --libs allocs) -pthread
//   LD_PRELOAD=liballocs_preload.so ./compact_heap
#include <pthread.h>
#include <unistd.h>
#include <allocs.hpp>
#include <csignal>
#include <cstdint>
#include <cstdio>

// ---- the heap: two spaces, of which one is in use; a record has its size before it ----

struct Space {
  static constexpr const char* kName = "space";
  static constexpr std::size_t kSize = 1 << 16;
  struct Header {
    std::size_t size;
    uniqtype* type;  // nullptr: free
  };
  unsigned char* bytes;
  std::size_t used = 0;

  Header* first() { return reinterpret_cast<Header*>(bytes); }
  Header* end() { return reinterpret_cast<Header*>(bytes + used); }
  static Header* behind(Header* h) {
    return reinterpret_cast<Header*>(reinterpret_cast<unsigned char*>(h + 1) + h->size);
  }

  static int tell(Header* h, alloc_info& child) {
    child.base = h + 1;
    child.size = h->size;
    child.type = h->type;
    return ALLOC_OK;
  }
  int find(const alloc_info&, const void* at, unsigned, alloc_info& child) {
    for (Header* h = first(); h < end(); h = behind(h))
      if (at >= h + 1 && at < behind(h))
        return h->type != nullptr ? tell(h, child) : ALLOC_E_NOTHING_THERE;
    return ALLOC_E_NOTHING_THERE;
  }
  int next(const alloc_info&, const void* from, unsigned, alloc_info& child) {
    for (Header* h = first(); h < end(); h = behind(h))
      if (h->type != nullptr && static_cast<const void*>(h + 1) >= from) return tell(h, child);
    return ALLOC_E_NOTHING_THERE;
  }
  int make(uniqtype* type, std::size_t count, void*& base) {
    const std::size_t size = (uniqtype_size(type) * count + 15) & ~std::size_t{15};
    if (used + sizeof(Header) + size > kSize) return ALLOC_E_NO_MEMORY;
    Header* h = end();
    *h = {size, count == 1 ? type : uniqtype_array_of(type, count)};
    used += sizeof(Header) + size;
    base = h + 1;
    return ALLOC_OK;
  }
  int release(const alloc_info& allocation) {
    static_cast<Header*>(const_cast<void*>(allocation.base))[-1].type = nullptr;
    return ALLOC_OK;
  }
  std::size_t live() {
    std::size_t sum = 0;
    for (Header* h = first(); h < end(); h = behind(h))
      sum += h->type != nullptr ? sizeof(Header) + h->size : 0;
    return sum;
  }
};

alignas(16) static unsigned char memory_0[Space::kSize], memory_1[Space::kSize];
static Space spaces[2] = {{memory_0}, {memory_1}};
static allocs::Registered<Space> heaps[2] = {allocs::Registered<Space>(spaces[0]),
                                             allocs::Registered<Space>(spaces[1])};
static int in_use = 0;

// ---- the program ----

struct Record {
  Record* next;
  Record* partner;
  int* number_of_partner;  // into the middle
  long key;
  int number;
};
static Record model;
static Record* records;
static volatile bool quit;

static Record* make_record(long key) {
  void* made = nullptr;
  if (alloc_new(heaps[in_use].get(), alloc_get_type(&model), 1, &made) != ALLOC_OK) return nullptr;
  auto* record = static_cast<Record*>(made);
  *record = {records, nullptr, nullptr, key, static_cast<int>(7 * key)};
  records = record;
  return record;
}
[[gnu::noinline]] static void fill(long from, long to) {
  for (long key = from; key < to; ++key) {
    Record* record = make_record(key);
    record->partner = key % 3 == 0 || record->next == nullptr ? record : record->next;
    record->number_of_partner = &record->partner->number;
  }
}
// Every second one goes.
[[gnu::noinline]] static void thin_out() {
  for (Record* record = records; record != nullptr && record->next != nullptr;
       record = record->next) {
    Record* gone = record->next;
    if (record->partner == gone)
      record->partner = record, record->number_of_partner = &record->number;
    record->next = gone->next;
    alloc_free(gone);
  }
}
[[gnu::noinline]] static bool is_sound(long* count) {
  *count = 0;
  for (Record* record = records; record != nullptr; record = record->next, ++*count) {
    const bool has_partner = record->partner == record || record->partner == record->next;
    if (record->number != 7 * record->key || !has_partner ||
        record->number_of_partner != &record->partner->number)
      return false;
  }
  return true;
}

static void* work(void*) {
  while (!quit) usleep(1000);
  return nullptr;
}

// ---- the compactor ----

static alloc_move moves[1024];

// A function of its own, whose registers and variables are gone when it has returned: they hold addresses of records.
[[gnu::noinline]] static std::size_t list_records() {
  std::size_t count = 0;
  Space& from = spaces[in_use];
  for (Space::Header* h = from.first(); h < from.end(); h = Space::behind(h)) {
    if (h->type == nullptr) continue;
    moves[count++] = {.obj = h + 1, .to = heaps[1 - in_use].get(), .base = nullptr, .reserved = {}};
  }
  return count;
}
// What calls before have left on the stack would be taken for references.
[[gnu::noinline]] static void clean_stack() {
  volatile unsigned char old[16384];
  for (volatile unsigned char& byte : old) byte = 0;
}
[[gnu::noinline]] static int compact(allocs::Mover& mover) {
  const std::size_t count = list_records();
  clean_stack();
  const int error = mover.migrate_all({moves, count});
  if (error != ALLOC_OK) return error;
  spaces[in_use].used = 0;
  in_use = 1 - in_use;
  return ALLOC_OK;
}

int main() {
  for (int i = 0; i < 2; ++i)
    if (heaps[i].error() != ALLOC_OK || alloc_promote(spaces[i].bytes, heaps[i].get()) != ALLOC_OK)
      return 2;
  pthread_t threads[2];
  for (pthread_t& thread : threads) pthread_create(&thread, nullptr, work, nullptr);

  allocs::Mover mover(SIGRTMIN);
  for (int round = 0; round < 3; ++round) {
    fill(100 * round, 100 * round + 100);
    thin_out();
    const std::size_t before = spaces[in_use].used;
    clean_stack();
    if (const int error = compact(mover); error != ALLOC_OK) {
      std::printf("not compacted: %s: %s at %p\n", alloc_error_message(error),
                  alloc_obstacle_message(mover.obstacle().kind), mover.obstacle().at);
      return 1;
    }
    long count = 0;
    const bool sound = is_sound(&count);
    std::printf("%ld records, %zu bytes were in use, %zu are, %zu references rewritten, %s\n",
                count, before, spaces[in_use].used, mover.references(), sound ? "sound" : "BROKEN");
  }
  quit = true;
  for (pthread_t thread : threads) pthread_join(thread, nullptr);
  return 0;
}
