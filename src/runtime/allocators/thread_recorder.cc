// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/thread_recorder.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>

#include "base/every_process.h"
#include "base/raw_syscall.h"
#include "runtime/allocators/loader_list.h"
#include "runtime/allocators/malloc_family.h"
#include "runtime/allocators/own_memory.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/allocators/state.h"
#include "runtime/allocators/table_lock.h"
#include "runtime/index/doubling.h"
#include "runtime/index/find_block.h"
#include "runtime/index/tables.h"
#include "runtime/index/word.h"

namespace allocs::allocators {

using namespace index;

constinit PthreadFunctions g_pthread{};

namespace {

constexpr std::uint32_t kFewThreads = 512;
constinit std::uint64_t g_generation = 0;
constinit std::uint32_t g_next_sweep = 64;
constinit thread_local ThreadRecord* t_record = nullptr;

template <typename Function>
void find_pthread_function(Function& function, const SymbolName& name) {
  store_release(function, reinterpret_cast<Function>(next_definition_of(name)));
}

[[ALLOCS_EVERY_PROCESS]] ThreadRecord* record_at(std::uint32_t number) {
  const Place place = place_of<kThreadFirstShift>(number);
  const Address chunk = load_acquire(g_root.thread_chunks[place.chunk]);
  return chunk == Address{} ? nullptr : reinterpret_cast<ThreadRecord*>(raw(chunk)) + place.index;
}

ThreadRecord* new_record(std::uint32_t number) {
  const Place place = place_of<kThreadFirstShift>(number);
  if (place.chunk >= kThreadChunks) return nullptr;
  Address chunk = load_acquire(g_root.thread_chunks[place.chunk]);
  if (chunk == Address{}) {
    const std::size_t size = chunk_capacity<kThreadFirstShift>(place.chunk) * sizeof(ThreadRecord);
    void* const made = allocate_chunk(size);
    if (made == nullptr) return nullptr;
    if (!compare_exchange(g_root.thread_chunks[place.chunk], chunk, address_of(made))) {
      give_back_chunk(made, size);
    }
  }
  return record_at(number);
}

// Records of threads that have ended, so that nobody looks for one among thousands that run; and where to look next.
constinit std::uint32_t g_ended = 0;
constinit std::uint32_t g_next_to_take = 0;

[[ALLOCS_ONCE]] bool take(ThreadRecord& record) {
  ThreadState state = load_relaxed(record.state);
  const bool is_taken = (state == ThreadState::empty || state == ThreadState::exited) &&
                        compare_exchange(record.state, state, ThreadState::claimed);
  if (is_taken && state == ThreadState::exited) fetch_add(g_ended, ~std::uint32_t{0});
  return is_taken;
}

// False if it is in another state already.
bool end_from(ThreadRecord& record, ThreadState state) {
  const bool has_ended = state != ThreadState::exited && state != ThreadState::empty &&
                         compare_exchange(record.state, state, ThreadState::exited);
  if (has_ended) fetch_add(g_ended, std::uint32_t{1});
  return has_ended;
}
void end(ThreadRecord& record) { end_from(record, load_acquire(record.state)); }

template <typename Act>
void for_each_record(Act act) {
  const std::uint32_t count = load_acquire(g_root.thread_count);
  for (std::uint32_t number = 0; number < count; ++number) {
    if (ThreadRecord* const record = record_at(number); record != nullptr && !act(*record)) return;
  }
}

// Marks the records of threads that the kernel does not know.
void sweep() {
  if (is_sandboxed()) return;
  const std::int64_t process = raw_syscall(SYS_getpid).value;
  std::uint32_t live = 0;
  for_each_record([&](ThreadRecord& record) {
    ThreadState state = load_acquire(record.state);
    if (state == ThreadState::running &&
        raw_syscall(SYS_tgkill, process, record.tid, 0).error() == ESRCH) {
      end_from(record, state);
    } else if (state != ThreadState::exited) {
      ++live;
    }
    return true;
  });
  store_relaxed(g_next_sweep, std::max(64u, live * 2));
}

[[ALLOCS_ONCE]] ThreadRecord* take_ended() {
  const std::uint32_t count = load_acquire(g_root.thread_count);
  std::uint32_t number = load_relaxed(g_next_to_take);
  for (std::uint32_t left = count; left > 0 && load_relaxed(g_ended) != 0; --left, ++number) {
    if (number >= count) number = 0;
    ThreadRecord* const record = record_at(number);
    if (record == nullptr || load_relaxed(record->state) != ThreadState::exited || !take(*record))
      continue;
    store_relaxed(g_next_to_take, number + 1);
    return record;
  }
  return nullptr;
}

// A record in state `claimed`, or nullptr.
[[ALLOCS_ONCE]] ThreadRecord* claim_record() {
  if (ThreadRecord* const record = take_ended(); record != nullptr) return record;
  if (load_acquire(g_root.thread_count) >= load_relaxed(g_next_sweep)) {
    sweep();
    if (ThreadRecord* const record = take_ended(); record != nullptr) return record;
  }
  std::uint32_t number = load_acquire(g_root.thread_count);
  for (;;) {
    ThreadRecord* const record = new_record(number);
    if (record == nullptr) {
      fetch_add(g_root.counters.threads_full, std::uint64_t{1});
      return nullptr;
    }
    if (compare_exchange(g_root.thread_count, number, number + 1)) {
      if (take(*record)) return record;
      number = load_acquire(g_root.thread_count);
    }
  }
}

// Whoever had this thread pointer or this id is gone.
void supersede(const ThreadRecord& mine) {
  if (load_acquire(g_root.thread_count) > kFewThreads) return;  // readers take the youngest
  for_each_record([&](ThreadRecord& record) {
    ThreadState state = load_acquire(record.state);
    if (&record != &mine && state == ThreadState::running &&
        (record.thread_pointer == mine.thread_pointer ||
         (mine.tid != 0 && record.tid == mine.tid))) {
      end_from(record, state);
    }
    return true;
  });
}

[[ALLOCS_ONCE]] void start_running(ThreadRecord& record, Address stack_pointer) {
  record.tid = is_sandboxed() ? 0 : static_cast<std::uint32_t>(raw_syscall(SYS_gettid).value);
  record.thread_pointer = thread_pointer();
  record.first_stack_pointer = stack_pointer;
  record.generation = fetch_add(g_generation, std::uint64_t{1}) + 1;
  t_record = &record;
  store_release(record.state, ThreadState::running);
  supersede(record);
}

Address stack_pointer() { return address_of(__builtin_frame_address(0)); }

// glibc puts the thread control block at the top of the stack that it maps; `size` is what lies below the top.
AddressRange stack_below_control_block(std::uint64_t size) {
  constexpr std::uint64_t kPage = 4096;
  const std::uint64_t top = (thread_pointer() + kPage) & ~(kPage - 1);
  const std::uint64_t low = top - size;
  const std::uint64_t here = raw(stack_pointer());
  if (size == 0 || size >= top || here < low || here >= top) return {};
  return {Address{low}, Address{top}};
}

// Several threads may find the same.
void find_pthread_functions() {
  find_pthread_function(g_pthread.attr_getstack, "pthread_attr_getstack");
  find_pthread_function(g_pthread.getattr_default, "pthread_getattr_default_np");
  find_pthread_function(g_pthread.attr_destroy, "pthread_attr_destroy");
  find_pthread_function(g_pthread.create, "pthread_create");  // last: whoever has it has the others
}

// ---- the end of a thread: it returned, called pthread_exit, or was cancelled ----

enum class KeyState : std::uint32_t { unknown = 0, being_made, ready, none };
constinit KeyState g_key_state = KeyState::unknown;
constinit pthread_key_t g_key = 0;

// A destructor that runs later and asks a question registers the thread again, with what follows still its own stack.
void thread_ends(void* argument) {
  auto* const record = static_cast<ThreadRecord*>(argument);
  if (t_record != record) return;
  t_record = nullptr;
  end(*record);
}

// Before the first thread is created. (The C library keeps the values of the first 32 keys where it needs no memory for them.)
void make_key() {
  KeyState unknown = KeyState::unknown;
  if (!compare_exchange(g_key_state, unknown, KeyState::being_made)) return;
  find_pthread_function(g_pthread.key_create, "pthread_key_create");
  find_pthread_function(g_pthread.setspecific, "pthread_setspecific");
  constexpr pthread_key_t kNoMemoryBelow = 32;
  const bool made = g_pthread.key_create != nullptr && g_pthread.setspecific != nullptr &&
                    g_pthread.key_create(&g_key, thread_ends) == 0 && g_key < kNoMemoryBelow;
  store_release(g_key_state, made ? KeyState::ready : KeyState::none);
}

bool will_hear_of_end(ThreadRecord& record) {
  return load_acquire(g_key_state) == KeyState::ready && g_pthread.setspecific(g_key, &record) == 0;
}

void* run_thread(void* argument) {
  auto* const record = static_cast<ThreadRecord*>(argument);
  // The creator left the stack's range, or its size when the C library was to map one.
  if (record->stack_low == Address{}) {
    const AddressRange stack = stack_below_control_block(raw(record->first_stack_pointer));
    record->stack_low = stack.begin;
    record->stack_high = stack.end;
  }
  auto* const start = reinterpret_cast<void* (*)(void*)>(raw(record->start_routine));
  void* const start_argument = reinterpret_cast<void*>(raw(record->argument));
  start_running(*record, stack_pointer());
  const bool hears = will_hear_of_end(*record);
  void* const result = start(start_argument);
  if (!hears) thread_ends(record);
  return result;
}

// The table has the main thread's id, which is the process's.
bool is_of_another_process() {
  const ThreadRecord* const first = record_at(0);
  return first != nullptr &&
         first->tid != static_cast<std::uint32_t>(raw_syscall(SYS_getpid).value);
}

// (What the count of ended ones was in the middle of is not known in a child.)
void forget_all_but(const ThreadRecord* kept) {
  std::uint32_t ended = 0;
  for_each_record([&](ThreadRecord& record) {
    if (&record == kept) return true;
    store_release(record.state, ThreadState::exited);
    ++ended;
    return true;
  });
  store_release(g_ended, ended);
}

struct PlannedStack {
  AddressRange range{};
  std::size_t size = 0;  // where there is no range yet
};

PlannedStack planned_stack(const pthread_attr_t* attributes) {
  if (g_pthread.attr_getstack == nullptr) return {};
  void* low = nullptr;
  std::size_t size = 0;
  if (attributes != nullptr) g_pthread.attr_getstack(attributes, &low, &size);
  const std::uint64_t begin = raw(address_of(low));
  if (size != 0 && begin != 0 && begin + size > begin)
    return {{Address{begin}, Address{begin + size}}, 0};
  if (size == 0 && g_pthread.getattr_default != nullptr && g_pthread.attr_destroy != nullptr) {
    pthread_attr_t usual;
    if (g_pthread.getattr_default(&usual) == 0) {
      g_pthread.attr_getstack(&usual, &low, &size);
      g_pthread.attr_destroy(&usual);
    }
  }
  return {{}, size};
}

constinit bool g_are_stacks_lent = false;

}  // namespace

bool are_stacks_lent() { return load_relaxed(g_are_stacks_lent); }

int create_thread(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                  void* argument, void (*lends_stack)()) {
  if (load_acquire(g_pthread.create) == nullptr) find_pthread_functions();
  if (g_pthread.create == nullptr) return EAGAIN;
  if (!has_known_loader()) return g_pthread.create(thread, attributes, start, argument);
  if (load_relaxed(g_key_state) == KeyState::unknown) make_key();
  if (load_relaxed(g_fork_page.token) == 0) current_thread();
  ThreadRecord* const record = claim_record();
  if (record == nullptr) return g_pthread.create(thread, attributes, start, argument);
  const PlannedStack stack = planned_stack(attributes);
  const bool is_lent =
      stack.range.size() != 0 && (find_block(TrustedMemory{}, g_root, stack.range.begin) ||
                                  module_at(TrustedMemory{}, g_root, stack.range.begin));
  if (is_lent) {
    store_relaxed(g_are_stacks_lent, true);
    lends_stack();
  }
  record->tid = 0;
  record->thread_pointer = 0;
  record->first_stack_pointer = Address{stack.size};
  record->stack_low = stack.range.begin;
  record->stack_high = stack.range.end;
  record->start_routine = address_of(reinterpret_cast<void*>(start));
  record->argument = address_of(argument);
  store_release(record->state, ThreadState::starting);
  const int error = g_pthread.create(thread, attributes, run_thread, record);
  if (error != 0) end(*record);
  return error;
}

[[ALLOCS_ONCE]] void register_main_thread(const void* initial_stack) {
  ThreadRecord* const record = claim_record();
  if (record == nullptr) return;
  rlimit limit{};
  const Address high = address_of(initial_stack);
  const bool is_bounded =
      raw_syscall(SYS_prlimit64, 0, RLIMIT_STACK, 0, &limit).ok() && limit.rlim_cur < raw(high);
  record->stack_low = is_bounded ? high - limit.rlim_cur : Address{};
  record->stack_high = is_bounded ? high : Address{};
  start_running(*record, stack_pointer());
  g_root.main_thread_pointer = thread_pointer();
}

const ThreadRecord* current_thread() {
  const bool was_open = g_root.process_token != Address{};
  if (load_relaxed(g_fork_page.token) == 0) {
    // The first call in this process. If the table is a parent's, none of its threads is here, but for this one.
    const bool is_child = was_open || is_of_another_process();
    if (is_child) forget_all_but(t_record);
    open_fork_page(is_child);
    if (t_record != nullptr) start_running(*t_record, t_record->first_stack_pointer);
  }
  if (t_record != nullptr) return t_record;
  ThreadRecord* const record = claim_record();
  if (record == nullptr) return nullptr;
  record->stack_low = record->stack_high = Address{};
  record->start_routine = record->argument = Address{};
  start_running(*record, stack_pointer());
  return record;
}

}  // namespace allocs::allocators
