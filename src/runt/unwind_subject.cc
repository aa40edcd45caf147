// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <atomic>
#include <thread>
#include <vector>

#include "runt/cached_walk.h"
#include "runt/self.h"

// A program with every kind of frame that ours must get right: recursion, alloca, callbacks through libc, realigned
// stacks, virtual calls, exceptions in flight, signal handlers on the thread's and on an alternate stack, in several
// threads. At the bottom of each it walks its own stack three ways (our cached walk, our plain walk, libgcc's) and
// compares pc and stack pointer of every frame. Built by several compilers at several levels; see CMakeLists.txt.
// Prints the number of frames compared, and exits with 1 when one differed.
namespace {

using namespace allocs;
using namespace allocs::runt;

constinit RuleCache g_cache;
std::atomic<long> g_frames, g_walks, g_signal_frames, g_passed, g_wrong;
thread_local AddressRange g_stack, g_alternate;
thread_local unsigned long g_sum;

struct Seen {
  std::uint64_t pc, sp;
};
struct Trace {
  static constexpr int kMost = 512;
  int size = 0;
  Seen seen[kMost];
};

_Unwind_Reason_Code record(_Unwind_Context* context, void* into) {
  auto* trace = static_cast<Trace*>(into);
  if (trace->size == Trace::kMost) return _URC_END_OF_STACK;
  trace->seen[trace->size++] = {_Unwind_GetIP(context), _Unwind_GetCFA(context)};
  return _URC_NO_REASON;
}

void complain(const char* who, int index, const Frame* ours, const Seen* theirs) {
  g_wrong.fetch_add(1);
  fprintf(stderr, "%s: frame %d: pc %#lx sp %#lx, libgcc says pc %#lx sp %#lx\n", who, index,
          ours ? raw(ours->pc) : 0, ours ? raw(ours->sp) : 0, theirs ? theirs->pc : 0,
          theirs ? theirs->sp : 0);
}

// `next` gives our frames, the first of which is the function that calls this; so is theirs.
template <typename Next>
Certainty compare(const char* who, const Trace& trace, Next next, Certainty (*end)(void*),
                  void* state) {
  for (int i = 0;; ++i) {
    const std::optional<Frame> frame = next();
    if (!frame) {
      // libgcc counts a frame of pc 0 under the outermost one in some threads.
      if (i < trace.size && trace.seen[i].pc != 0) complain(who, i, nullptr, &trace.seen[i]);
      break;
    }
    if (i >= trace.size) {
      if (trace.size != Trace::kMost) complain(who, i, &*frame, nullptr);
      break;
    }
    g_frames.fetch_add(1);
    if (frame->is_signal_frame) g_signal_frames.fetch_add(1);
    const bool same_pc =
        i == 0 || raw(frame->pc) == trace.seen[i].pc;  // the innermost: two places in one function
    if (!same_pc || raw(frame->sp) != trace.seen[i].sp) complain(who, i, &*frame, &trace.seen[i]);
  }
  return end(state);
}

// Frames that are passed below an address in each of `frames` are those that a walk frame by frame passes, and it goes on from there.
void compare_passing(const Frame* frames, int count, const auto& new_walk) {
  for (int target = 0; target < count; target += 1 + target / 4) {
    auto walk = new_walk();
    walk.pass_below(frames[target].cfa - 1, Trace::kMost);
    auto frame = walk.next();
    int at = 0;
    while (frame && at < count && frames[at].cfa != frame->cfa) ++at;
    g_passed.fetch_add(at);
    if (at > 0 && at >= target) complain("passing", target, frame ? &*frame : nullptr, nullptr);
    for (; frame && at < count && at < target + 3; ++at, frame = walk.next()) {
      if (frame->pc != frames[at].pc || frame->sp != frames[at].sp || frame->fp != frames[at].fp)
        complain("passing, and on", at, &*frame, nullptr);
    }
    if (!frame && at < count) complain("passing ends", at, nullptr, nullptr);
  }
}

[[gnu::noinline]] void walk_here() {
  Trace trace;
  _Unwind_Backtrace(record, &trace);
  const Registers here = current_registers();
  const TrustedMemory code;
  const self::LoaderEhFrames finder;
  const MemoryRules rules{code, finder};
  const StackMemory stack{g_stack, g_alternate};
  g_walks.fetch_add(1);
  for (const char* who : {"cached walk", "warm walk"}) {
    CachedWalk walk{stack, rules, g_cache, here};
    using Walk = decltype(walk);
    compare(
        who, trace, [&] { return walk.next(); },
        [](void* w) { return static_cast<Walk*>(w)->end(); }, &walk);
  }
  Frame frames[Trace::kMost];
  int count = 0;
  const auto new_walk = [&] { return CachedWalk{stack, rules, g_cache, here}; };
  auto walk = new_walk();
  while (count < Trace::kMost) {
    const auto frame = walk.next();
    if (!frame) break;
    frames[count++] = *frame;
  }
  compare_passing(frames, count, new_walk);
  UnwindCursor cursor{.registers = here};
  compare(
      "plain walk", trace, [&] { return step(stack, rules, cursor); },
      [](void* c) { return static_cast<UnwindCursor*>(c)->end; }, &cursor);
}

[[gnu::noinline]] int recurse(int depth, int (*at_bottom)());
[[gnu::noinline]] int with_alloca(int depth, int (*at_bottom)()) {
  auto* bytes =
      static_cast<volatile char*>(__builtin_alloca(16 + static_cast<unsigned>(depth & 31)));
  bytes[0] = static_cast<char>(depth);
  return recurse(depth - 1, at_bottom) + bytes[0];
}
[[gnu::noinline]] int realigned(int depth, int (*at_bottom)()) {
  alignas(64) volatile char block[128];
  block[depth & 127] = static_cast<char>(depth);
  return recurse(depth - 1, at_bottom) + block[depth & 127];
}
[[gnu::noinline]] int realigned_with_alloca(int depth, int (*at_bottom)()) {
  alignas(64) volatile char block[128];
  auto* bytes =
      static_cast<volatile char*>(__builtin_alloca(16 + static_cast<unsigned>(depth & 31)));
  bytes[0] = static_cast<char>(depth);
  block[depth & 127] = static_cast<char>(depth);
  return recurse(depth - 1, at_bottom) + block[depth & 127] + bytes[0];
}
[[gnu::noinline]] int many_registers(int depth, int (*at_bottom)()) {
  int a = depth * 3, b = depth * 5, c = depth * 7, d = depth * 11, e = depth * 13, f = depth * 17;
  asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
  const int result = recurse(depth - 1, at_bottom);
  asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
  return result + (a ^ b ^ c ^ d ^ e ^ f);
}
[[gnu::noinline]] int large_frame(int depth, int (*at_bottom)()) {
  volatile char block[20000];
  block[depth] = static_cast<char>(depth);
  return recurse(depth - 1, at_bottom) + block[depth];
}
struct Shape {
  virtual ~Shape() = default;
  virtual int visit(int depth, int (*at_bottom)()) { return recurse(depth - 1, at_bottom) + 1; }
};
struct Square final : Shape {
  int visit(int depth, int (*at_bottom)()) override { return Shape::visit(depth, at_bottom) + 1; }
};

thread_local int g_callback_depth;
thread_local int (*g_callback_bottom)();
int through_sort(const void* a, const void* b) {
  if (int (*bottom)() = g_callback_bottom) {
    g_callback_bottom = nullptr;
    g_sum += static_cast<unsigned>(recurse(g_callback_depth, bottom));
  }
  return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}

int recurse(int depth, int (*at_bottom)()) {
  if (depth <= 0) return at_bottom();
  switch (depth % 8) {
    case 0:
      return with_alloca(depth, at_bottom) + 1;
    case 1:
      return realigned(depth, at_bottom) + 1;
    case 2:
      return realigned_with_alloca(depth, at_bottom) + 1;
    case 3:
      return many_registers(depth, at_bottom) + 1;
    case 4:
      return large_frame(depth, at_bottom) + 1;
    case 5: {
      Square square;
      Shape* shape = &square;
      asm volatile("" : "+r"(shape));
      return shape->visit(depth, at_bottom) + 1;
    }
    case 6: {
      int numbers[4] = {3, 1, 2, 0};
      if (g_callback_bottom == nullptr) {
        g_callback_depth = depth - 1;
        g_callback_bottom = at_bottom;
        qsort(numbers, 4, sizeof(int), through_sort);
        return numbers[0];
      }
      [[fallthrough]];
    }
    default:
      return recurse(depth - 1, at_bottom) + 1;
  }
}

int walk_at_bottom() {
  walk_here();
  return 1;
}
struct WalksWhenDestroyed {
  ~WalksWhenDestroyed() { walk_here(); }
};
int throw_through() {
  try {
    WalksWhenDestroyed guard;
    throw 42;
  } catch (int value) {
    walk_here();
    return value;
  }
}
int raise_on_own_stack() {
  raise(SIGUSR1);
  return 1;
}
int raise_on_alternate_stack() {
  raise(SIGUSR2);
  return 1;
}
int fault() {
  std::uint64_t at = 0;
  asm volatile("mov (%0), %0" : "+a"(at));  // the handler gives it another address
  return static_cast<int>(at);
}

void on_signal(int, siginfo_t*, void*) {
  g_sum += static_cast<unsigned>(recurse(9, walk_at_bottom));
}
void on_nested_signal(int, siginfo_t*, void*) {
  walk_here();
  raise(SIGUSR1);
}
void on_fault(int, siginfo_t*, void* context) {
  g_sum += static_cast<unsigned>(recurse(5, walk_at_bottom));
  static std::uint64_t word;
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RAX] = reinterpret_cast<greg_t>(&word);
}

void handle(int signal, void (*handler)(int, siginfo_t*, void*), int flags) {
  struct sigaction action {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | flags;
  sigaction(signal, &action, nullptr);
}

void run_thread() {
  pthread_attr_t attributes;
  void* base = nullptr;
  std::size_t size = 0;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &base, &size);
  pthread_attr_destroy(&attributes);
  g_stack = {address_of(base), address_of(base) + size};
  std::vector<char> alternate(256 * 1024);
  stack_t other{};
  other.ss_sp = alternate.data();
  other.ss_size = alternate.size();
  sigaltstack(&other, nullptr);
  g_alternate = {address_of(alternate.data()), address_of(alternate.data()) + alternate.size()};

  int (*const bottoms[])() = {walk_at_bottom, throw_through, raise_on_own_stack,
                              raise_on_alternate_stack, fault};
  for (int round = 0; round < 3; ++round) {
    for (int depth = 0; depth < 40; ++depth) {
      for (int (*bottom)() : bottoms) g_sum += static_cast<unsigned>(recurse(depth, bottom));
    }
  }
  other.ss_flags = SS_DISABLE;
  sigaltstack(&other, nullptr);
}

}  // namespace

int main() {
  self::set_loader_lookup(dlsym(RTLD_DEFAULT, "_dl_find_object"));
  handle(SIGUSR1, on_signal, 0);
  handle(SIGUSR2, on_nested_signal, SA_ONSTACK | SA_NODEFER);
  handle(SIGSEGV, on_fault, SA_NODEFER);
  run_thread();
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(run_thread);
  for (std::thread& thread : threads) thread.join();
  printf("%ld walks, %ld frames compared, %ld of them signal frames, %ld passed, %ld wrong\n",
         g_walks.load(), g_frames.load(), g_signal_frames.load(), g_passed.load(), g_wrong.load());
  const bool has_seen_enough =
      g_frames.load() > 100'000 && g_signal_frames.load() > 1000 && g_passed.load() > 50'000;
  return g_wrong.load() == 0 && has_seen_enough ? 0 : 1;
}
