// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <filesystem>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "allocs.h"
#include "runtime/index/find_block.h"
#include "runtime/index/tables.h"

// Runs under the preload library: what the hooks recorded is read from the root by the same code as anywhere else.
namespace allocs {
namespace {

using namespace index;

const Root& root() {
  static const Root* const found = static_cast<const Root*>(dlsym(RTLD_DEFAULT, "__allocs_root"));
  if (found == nullptr) {
    ADD_FAILURE() << "run this with LD_PRELOAD=liballocs_preload.so";
    std::exit(1);
  }
  return *found;
}
std::optional<Block> block_at(Address a) { return find_block(TrustedMemory{}, root(), a); }
std::optional<Block> block_at(const void* p, std::uint64_t offset = 0) {
  return block_at(address_of(p) + offset);
}
bool is_block(const void* p, std::uint64_t size) {
  const auto block = block_at(p);
  const auto last = block_at(p, size == 0 ? 0 : size - 1);
  return block && block->base == address_of(p) && block->size == size && last &&
         last->base == block->base;
}
bool is_nothing(Address a) { return !block_at(a); }
std::string module_of_site(const void* p) {
  const auto block = block_at(p);
  const auto site = block ? site_record_of(TrustedMemory{}, root(), block->site) : std::nullopt;
  const auto module =
      site ? module_record_of(TrustedMemory{}, root(), site->instance) : std::nullopt;
  if (!module) return "";
  if (module->is_executable != 0) return std::filesystem::read_symlink("/proc/self/exe");
  return reinterpret_cast<const char*>(raw(module->path));
}
// Hides from the compiler what a pointer is.
template <typename T>
T* opaque(T* p) {
  asm volatile("" : "+r"(p));
  return p;
}

TEST(Hooks, EveryAllocationFunctionRecordsWhatWasAskedFor) {
  for (std::size_t size :
       {0, 1, 24, 25, 40, 41, 56, 1000, 1023, 1024, 1025, 5000, 200000, 1 << 24}) {
    void* p = opaque(malloc(size));
    EXPECT_TRUE(is_block(p, size)) << size;
    const Address gone = address_of(p);
    free(p);
    EXPECT_TRUE(is_nothing(gone)) << size;
    p = opaque(calloc(1, size));
    EXPECT_TRUE(is_block(p, size)) << size;
    free(p);
    p = opaque(aligned_alloc(64, size));
    EXPECT_TRUE(is_block(p, size)) << size;
    free(p);
    p = opaque(memalign(4096, size));
    EXPECT_TRUE(is_block(p, size)) << size;
    free(p);
    ASSERT_EQ(posix_memalign(&p, 256, size), 0);
    EXPECT_TRUE(is_block(p, size)) << size;
    free(p);
    p = opaque(valloc(size));
    EXPECT_TRUE(is_block(p, size)) << size;
    free(p);
    p = opaque(reallocarray(nullptr, 1, size));
    EXPECT_TRUE(is_block(p, size)) << size;
    free(p);
  }
}

TEST(Hooks, ReallocMovesTheRecord) {
  char* p = static_cast<char*>(opaque(realloc(nullptr, 10)));
  EXPECT_TRUE(is_block(p, 10));
  for (std::size_t size : {100, 30, 5000, 4000, 1 << 20, 1 << 21, 300, 41, 40}) {
    const Address old = address_of(p);
    p = static_cast<char*>(opaque(realloc(p, size)));
    ASSERT_TRUE(is_block(p, size)) << size;
    EXPECT_TRUE(address_of(p) == old || is_nothing(old));
    EXPECT_TRUE(!block_at(p, size) || block_at(p, size)->base != address_of(p));
  }
  // Failing leaves the block as it was. (The compiler must not know that it is realloc: it would think the block gone.)
  auto* const resize = opaque(&realloc);
  auto* const resize_array = opaque(&reallocarray);
  const std::size_t too_much = ~std::size_t{0} / 2;
  EXPECT_EQ(resize(p, too_much), nullptr);
  EXPECT_TRUE(is_block(p, 40));
  errno = 0;
  EXPECT_EQ(resize_array(p, too_much, 4), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_TRUE(is_block(p, 40));
  const Address gone = address_of(p);
  void* const empty = resize(p, 0);  // frees; some allocators return a block of no bytes
  EXPECT_TRUE(empty == nullptr ? is_nothing(gone) : is_block(empty, 0));
  free(empty);
}

TEST(Hooks, FailuresAreTheCLibrarys) {
  volatile std::size_t too_much = ~std::size_t{0} / 2;
  errno = 0;
  EXPECT_EQ(malloc(too_much), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(calloc(too_much, 16), nullptr);
  void* p = &p;
  EXPECT_EQ(posix_memalign(&p, 3, 8), EINVAL);
  EXPECT_EQ(posix_memalign(&p, 4, 8), EINVAL);
  EXPECT_EQ(posix_memalign(&p, 8, too_much), ENOMEM);
  EXPECT_EQ(p, &p);
  free(nullptr);
  EXPECT_EQ(malloc_usable_size(nullptr), 0);
  errno = 77;
  free(opaque(malloc(10)));
  free(opaque(malloc(10000)));
  EXPECT_EQ(errno, 77);
}

TEST(Hooks, ASiteIsAPlaceInAModule) {
  void* const p = opaque(malloc(10));
  EXPECT_NE(module_of_site(p).find("hooks_test"), std::string::npos) << module_of_site(p);
  free(p);
}

// What a program writes as `new` or strdup calls malloc in another object. Each of the expressions below is a function of its own,
// which the site must lie in.
struct Point {
  long x, y, z;
};
struct alignas(64) Aligned {
  char bytes[100];
};
struct Expression {
  const char* text;
  void* (*allocate)();
  void (*release)(void*);
};
#define ALLOCS_EXPRESSION(expression, release)                    \
  Expression {                                                    \
#expression, +[]() -> void* {                                   \
      void* const block = opaque(expression);                       \
      asm volatile("");                                             \
      return block;                                                 \
    }, +[](void* block) { release; } \
  }
const Expression kExpressions[] = {
    ALLOCS_EXPRESSION(new Point, delete static_cast<Point*>(block)),
    ALLOCS_EXPRESSION(new Point[3], delete[] static_cast<Point*>(block)),
    ALLOCS_EXPRESSION(new char[1000], delete[] static_cast<char*>(block)),
    ALLOCS_EXPRESSION(new char[100000], delete[] static_cast<char*>(block)),
    ALLOCS_EXPRESSION(new (std::nothrow) Point, delete static_cast<Point*>(block)),
    ALLOCS_EXPRESSION(new (std::nothrow) Point[3], delete[] static_cast<Point*>(block)),
    ALLOCS_EXPRESSION(new Aligned, delete static_cast<Aligned*>(block)),
    ALLOCS_EXPRESSION(new Aligned[3], delete[] static_cast<Aligned*>(block)),
    ALLOCS_EXPRESSION(new (std::nothrow) Aligned, delete static_cast<Aligned*>(block)),
    ALLOCS_EXPRESSION(new (std::nothrow) Aligned[3], delete[] static_cast<Aligned*>(block)),
    ALLOCS_EXPRESSION(strdup("libc allocates this"), free(block)),
    ALLOCS_EXPRESSION(strndup("libc allocates this", 4), free(block)),
    ALLOCS_EXPRESSION(wcsdup(L"and this"), free(block)),
};
// Unoptimised, a lambda's pointer is that of a function that calls the lambda, which lies before it.
#ifdef __OPTIMIZE__
constexpr std::uint64_t kBefore = 0;
#else
constexpr std::uint64_t kBefore = 64;
#endif
// How far behind the start of its function the site of a block is; -1: in another module.
std::uint64_t distance_of_site(const Expression& expression, const void* p) {
  const auto block = block_at(p);
  const auto site = block ? site_record_of(TrustedMemory{}, root(), block->site) : std::nullopt;
  if (!site || module_of_site(p).find("hooks_test") == std::string::npos) return ~std::uint64_t{0};
  return site->return_address - address_of(reinterpret_cast<void*>(expression.allocate)) + kBefore;
}

TEST(Hooks, TheSiteIsInTheCallerOfAWrapper) {
  for (int round = 0; round < 3; ++round) {
    for (const Expression& expression : kExpressions) {
      void* const p = expression.allocate();
      EXPECT_LT(distance_of_site(expression, p), 128u)
          << expression.text << ": " << module_of_site(p);
      expression.release(p);
    }
  }
  const auto unique = std::make_unique<Point>();
  EXPECT_NE(module_of_site(unique.get()).find("hooks_test"), std::string::npos);
  const std::vector<Point> points(3);
  EXPECT_NE(module_of_site(points.data()).find("hooks_test"), std::string::npos);
}

TEST(Hooks, WrappersAreLeftByManyThreadsAtOnce) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&wrong] {
      for (int round = 0; round < 2000; ++round) {
        for (const Expression& expression : kExpressions) {
          void* const p = expression.allocate();
          wrong += distance_of_site(expression, p) >= 128;
          expression.release(p);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Hooks, TheRootTellsWhatThereIs) {
  EXPECT_EQ(root().magic, kRootMagic);
  EXPECT_EQ(root().version, kRootVersion);
  EXPECT_EQ(root().self, address_of(&root()));
  EXPECT_GE(load<std::uint64_t>(TrustedMemory{}, root().initial_stack), std::uint64_t{1});  // argc
  const auto here =
      module_at(TrustedMemory{}, root(), address_of(reinterpret_cast<void*>(&module_of_site)));
  ASSERT_TRUE(here);
  EXPECT_EQ(here->is_executable, 1);
  EXPECT_NE(here->eh_frame_hdr, Address{});
  EXPECT_FALSE(module_at(TrustedMemory{}, root(), address_of(&here)));
  void* const p = opaque(malloc(1));
  const std::uint64_t region = region_of(raw(address_of(p)));
  const bool is_fine = root().malloc_kind == MallocKind::foreign;
  const Address directory = is_fine ? root().fine_directory : root().directory;
  const auto word =
      load<std::uint64_t>(TrustedMemory{}, directory + region * sizeof(std::uint64_t));
  ASSERT_TRUE(word);
  const std::uint64_t leaf = unbiased(*word, region, is_fine ? kFine : kCoarse);
  EXPECT_TRUE(own_range_at(TrustedMemory{}, root(), Address{leaf}));
  free(p);
}

TEST(Hooks, ThreadsAreKnownByTheirStacks) {
  std::optional<ThreadRecord> record;
  int tid = 0;
  std::thread([&] {
    int local = 0;
    tid = gettid();
    record = thread_with_stack_at(TrustedMemory{}, root(), address_of(&local));
  }).join();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->tid, static_cast<std::uint32_t>(tid));
  const auto own = thread_with_stack_at(TrustedMemory{}, root(), address_of(&tid));
  ASSERT_TRUE(own);
  EXPECT_EQ(own->tid, static_cast<std::uint32_t>(gettid()));
}

TEST(Hooks, ManyShortThreadsReuseRecords) {
  for (int i = 0; i < 2000; ++i) {
    pthread_t thread;
    auto* const leave = +[](void*) -> void* { pthread_exit(nullptr); };
    ASSERT_EQ(pthread_create(
                  &thread, nullptr, i % 2 == 0 ? leave : +[](void* p) { return p; }, nullptr),
              0);
    pthread_join(thread, nullptr);
  }
  EXPECT_LE(root().thread_count, 130u);
}

TEST(Hooks, AForkedChildGoesOn) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> busy;
  for (int i = 0; i < 3; ++i) {
    busy.emplace_back([&] {
      void* p = nullptr;
      for (unsigned n = 1; !stop; n = n * 3 % 4093) p = opaque(realloc(p, n + 1));
      free(p);
    });
  }
  for (int i = 0; i < 100; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      bool ok =
          !thread_table_is_current(TrustedMemory{}, root(), static_cast<std::uint32_t>(getpid()));
      for (int n = 0; n < 100; ++n) {
        void* p = opaque(malloc(n * 50));
        ok = ok && is_block(p, n * 50);
        p = opaque(realloc(p, n * 70 + 1));
        ok = ok && is_block(p, n * 70 + 1);
        free(p);
      }
      std::thread([&] { free(opaque(malloc(33))); }).join();
      _exit(ok ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    ASSERT_EQ(status, 0);
  }
  stop = true;
  for (auto& thread : busy) thread.join();
}

TEST(Hooks, AVforkedChildMayAllocateAndExec) {
  const pid_t child = vfork();
  if (child == 0) {
    free(opaque(malloc(100)));
    execl("/bin/true", "true", nullptr);
    _exit(1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Hooks, LoadingAndUnloadingForEverIsBounded) {
  const char* const plugin = getenv("ALLOCS_TEST_PLUGIN");
  if (plugin == nullptr) GTEST_SKIP() << "ALLOCS_TEST_PLUGIN is not set";
  const int cycles =
      getenv("ALLOCS_TEST_CYCLES") != nullptr ? atoi(getenv("ALLOCS_TEST_CYCLES")) : 2000;
  void* survivor = nullptr;
  std::uint32_t sites = 0;
  std::uint32_t modules = 0;
  for (int i = 0; i < cycles; ++i) {
    void* const handle = dlopen(plugin, RTLD_NOW);
    ASSERT_NE(handle, nullptr) << dlerror();
    auto* const allocate = reinterpret_cast<void* (*)()>(dlsym(handle, "plugin_allocate"));
    void* const block = allocate();
    ASSERT_NE(module_of_site(block).find("plugin"), std::string::npos)
        << module_of_site(block) << " in cycle " << i;
    if (i == 0) survivor = block;
    if (i != 0) free(block);
    dlclose(handle);
    if (i == 10) {
      sites = root().site_count;
      modules = root().module_count;
    }
  }
  EXPECT_NE(module_of_site(survivor).find("plugin"), std::string::npos);
  EXPECT_LE(root().site_count, sites + 20);
  EXPECT_LE(root().module_count, modules + 5);
  free(survivor);
}

// Two objects with the same code, one after the other at the same address: a block keeps the site that it had.
TEST(Hooks, AnotherObjectAtTheSameAddressHasSitesOfItsOwn) {
  const char* const first = getenv("ALLOCS_TEST_PLUGIN");
  const char* const second = getenv("ALLOCS_TEST_OTHER_PLUGIN");
  if (first == nullptr || second == nullptr)
    GTEST_SKIP() << "ALLOCS_TEST_PLUGIN, ALLOCS_TEST_OTHER_PLUGIN are not set";
  int same_address = 0;
  std::uintptr_t before = 0;
  for (int i = 0; i < 50; ++i) {
    std::vector<void*> blocks;
    for (const char* const path : {first, second}) {
      void* const handle = dlopen(path, RTLD_NOW);
      ASSERT_NE(handle, nullptr) << dlerror();
      auto* const allocate = reinterpret_cast<void* (*)()>(dlsym(handle, "plugin_allocate"));
      same_address += reinterpret_cast<std::uintptr_t>(allocate) == before;
      before = reinterpret_cast<std::uintptr_t>(allocate);
      for (int n = 0; n < 3; ++n) blocks.push_back(allocate());
      dlclose(handle);
    }
    for (std::size_t n = 0; n < blocks.size(); ++n) {
      ASSERT_EQ(module_of_site(blocks[n]), n < 3 ? first : second)
          << "block " << n << " of round " << i;
      free(blocks[n]);
    }
  }
  EXPECT_GT(same_address, 0);
}

// Four threads change the heap and ask about it; whatever is asked is owned by the asker, so the answer is certain.
struct Shared {
  std::atomic<char*> slots[4096]{};
  std::atomic<long> asked{0}, wrong{0};
};

void ask(Shared& shared, const char* base, std::uint64_t offset, std::uint64_t size) {
  const auto block = block_at(base, offset);
  shared.asked.fetch_add(1, std::memory_order_relaxed);
  if (!block || block->base != address_of(base) || block->size != size) shared.wrong.fetch_add(1);
}

void mutate(Shared& shared, std::uint64_t seed, long steps) {
  std::mt19937_64 random(seed);
  for (long i = 0; i < steps; ++i) {
    const std::uint64_t x = random();
    std::uint64_t size = (x & 1023) == 0 ? 4096 + (x >> 20) % 300000 : 16 + (x >> 20) % 1400;
    char* p = nullptr;
    if ((x >> 10 & 15) == 0) {
      p = static_cast<char*>(aligned_alloc(std::size_t{16} << (x >> 14) % 8, size));
    } else {
      p = static_cast<char*>((x >> 10 & 15) == 1 ? calloc(1, size) : malloc(size));
    }
    std::memcpy(p, &size, sizeof(size));
    ask(shared, p, 0, size);
    ask(shared, p, x % size, size);
    if ((x >> 40 & 7) == 0) {
      size = size / 2 + 16 + (x >> 50) % 600;
      p = static_cast<char*>(realloc(p, size));
      std::memcpy(p, &size, sizeof(size));
      ask(shared, p, size - 1, size);
    }
    char* const old = shared.slots[(x >> 44) % 4096].exchange(p);
    if (old != nullptr) {
      std::uint64_t old_size;
      std::memcpy(&old_size, old, sizeof(old_size));
      ask(shared, old, old_size - 1, old_size);
      ask(shared, old, (x >> 7) % old_size, old_size);
      free(old);
    }
  }
}

TEST(Hooks, NoAnswerIsWrongWhileFourThreadsChangeTheHeap) {
  const long steps =
      getenv("ALLOCS_TEST_STEPS") != nullptr ? atol(getenv("ALLOCS_TEST_STEPS")) : 100000;
  auto shared = std::make_unique<Shared>();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&, i] { mutate(*shared, 7 + i, steps); });
  for (auto& thread : threads) thread.join();
  std::printf("%ld look-ups, %ld wrong\n", shared->asked.load(), shared->wrong.load());
  EXPECT_EQ(shared->wrong, 0);
}

// While all that is known is that some block is inside realloc, what no block can be is answered all the same.
TEST(Hooks, StaticsAndStacksAreAnsweredBesideReallocs) {
  if (root().malloc_kind != MallocKind::libc) GTEST_SKIP() << "only libc's blocks lie apart";
  const auto ask = reinterpret_cast<decltype(&alloc_query)>(dlsym(RTLD_DEFAULT, "alloc_query"));
  ASSERT_NE(ask, nullptr);
  static int object[4];
  int local[4] = {};
  void* block = opaque(realloc(opaque(malloc(100)), 300));
  alloc_info info{};
  auto& homeless = const_cast<Root&>(root()).flux_homeless;
  __atomic_fetch_add(&homeless, 1, __ATOMIC_SEQ_CST);
  for (const std::uint64_t flags : {0, static_cast<int>(ALLOC_NOWAIT)}) {
    EXPECT_EQ(ask(opaque(object), flags, &info), ALLOC_OK);
    EXPECT_STREQ(info.allocator->name, "static");
    EXPECT_EQ(ask(opaque(local), flags, &info), ALLOC_OK);
    EXPECT_STREQ(info.allocator->name, "stackframe");
    EXPECT_EQ(ask(block, flags, &info), ALLOC_OK);
    EXPECT_EQ(ask(static_cast<char*>(block) + 400, flags, &info), ALLOC_E_BEING_RESIZED);
  }
  __atomic_fetch_sub(&homeless, 1, __ATOMIC_SEQ_CST);
  free(block);
}

// One block is resized without end; another thread asks for it by an address that is always inside. "Nothing there" is a lie.
TEST(Hooks, ABlockInReallocIsNeverGone) {
  std::atomic<std::uint64_t> inside{0};
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> wrong{0}, known{0}, in_flux{0};
  std::thread asker([&] {
    while (inside == 0) continue;
    while (!stop) {
      const auto block = block_at(Address{inside.load()});
      if (!block) {
        ++wrong;
      } else {
        ++(block->state == BlockState::known ? known : in_flux);
      }
    }
  });
  char* p = static_cast<char*>(opaque(malloc(5000)));
  char* const below = static_cast<char*>(opaque(malloc(9000)));  // shrinks and grows in place
  inside = raw(address_of(below)) + 100;
  bool moved = false;
  char* q = below;
  const auto asked = [&] { return known + in_flux + wrong; };
  for (int i = 0; (i < 150000 || asked() == 0) && !moved; ++i) {  // the asker may start late
    for (const std::size_t size : {6000u, 9000u}) {
      if (!moved) q = static_cast<char*>(opaque(realloc(q, size)));
      moved = moved || raw(address_of(q)) + 100 != inside;
    }
  }
  stop = true;
  asker.join();
  if (moved) GTEST_SKIP() << "this allocator moves blocks";
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(known + in_flux, 0u);
  EXPECT_TRUE(is_block(q, 9000));
  std::printf("known %lu, in flux %lu\n", known.load(), in_flux.load());
  free(q);
  free(p);
}

}  // namespace
}  // namespace allocs
