// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/held_blocks.h"

#include <errno.h>

#include "allocs.h"
#include "runtime/allocators/malloc_family.h"

namespace allocs::allocators {

using namespace index;

constinit Holder g_explicit_holder{.name = "free", .kind = kExplicit};
constinit Holder g_counted_holder{.name = "references", .next = &g_explicit_holder};
constinit Holder g_reachability_holder{
    .name = "reachability", .kind = 1, .next = &g_counted_holder};
constinit std::uint64_t* g_held_directory = nullptr;

namespace {

constinit Holder* g_first_holder = &g_reachability_holder;
constinit HeldTable g_table;
constinit Reserve<HeldBlock> g_unused_blocks;
constinit Reserve<Hold> g_unused_holds;
constinit FindCall g_find_call = nullptr;
constinit ReportExcess g_report_excess = nullptr;
constinit void* g_excess_context = nullptr;
constinit std::uint64_t g_excess_frees = 0;
constinit HeldLeaf* g_last_leaf = nullptr;
constinit std::uint64_t g_changing =
    0;  // where the block starts that is being listed, or taken out

class KeptErrno {
 public:
  KeptErrno() = default;
  ~KeptErrno() { errno = before_; }
  KeptErrno(const KeptErrno&) = delete;
  KeptErrno& operator=(const KeptErrno&) = delete;

 private:
  int before_ = errno;
};

// ---- marks ----

HeldLeaf* leaf_at(std::uint64_t start) {
  return reinterpret_cast<HeldLeaf*>(g_held_directory[region_of(start)]);
}
bool make_leaf(std::uint64_t start) {
  if (leaf_at(start) != nullptr) return true;
  auto* const leaf = static_cast<HeldLeaf*>(map_own_pages(sizeof(HeldLeaf)));
  if (leaf == nullptr) return false;
  leaf->begin = region_of(start) << kRegionShift;
  leaf->before = g_last_leaf;
  store_release(g_held_directory[region_of(start)], raw(address_of(leaf)));
  store_release(g_last_leaf, leaf);
  return true;
}

// First the mark, then the entry: a mark alone does no harm, as long as its block is alive.
void list(HeldBlock& held) {
  if (held.size > g_root.held_reach) store_release(g_root.held_reach, held.size);
  store_release(g_changing, held.start);
  mark_held_start(*leaf_at(held.start), held.start);
  g_table.put(held);
  store_release(g_changing, std::uint64_t{0});
}
void unlist(HeldBlock& held) {
  store_release(g_changing, held.start);
  g_table.take_out(held);
  unmark_held_start(*leaf_at(held.start), held.start);
  store_release(g_changing, std::uint64_t{0});
}
void drop(HeldBlock& held) {
  while (Hold* const hold = held.holds) {
    held.holds = hold->next;
    g_unused_holds.give_back(*hold);
  }
  g_unused_blocks.give_back(held);
}

void put_back(const HeldBlock& held) { put_record(held.block(), {held.size, held.site}); }

// ---- forks ----

// What other threads were in the midst of nobody ends in the child. A change of the table was made or was not. A block whose start cell a free (or a realloc) had cleared, and that is in the
// table, is as it was before the call: it would be "being resized" for ever.
void end_changes_of_parent() {
  constexpr int kAttempts = 150;
  const HolderLock lock(kAttempts);  // free in a child, if the kernel wipes it
  if (!lock) return;
  if (const std::uint64_t start = g_changing; start != 0) {
    HeldLeaf& leaf = *leaf_at(start);
    g_table.find(start) != nullptr ? mark_held_start(leaf, start) : unmark_held_start(leaf, start);
    g_changing = 0;
  }
  // By address, which is the order of the cells: a block costs some nanoseconds.
  for (const HeldLeaf* leaf = g_last_leaf; leaf != nullptr; leaf = leaf->before) {
    for_each_held_start(*leaf, [](std::uint64_t start) {
      if (record_of_block(reinterpret_cast<const void*>(start))) return;
      if (const HeldBlock* const held = g_table.find(start); held != nullptr) put_back(*held);
    });
  }
}

// The C library has pthread_atfork for static linking only.
void hear_of_forks() {
  using Handler = void (*)();
  using Register = int(Handler prepare, Handler parent, Handler child, void* object);
  const auto add = reinterpret_cast<Register*>(c_library_function("__register_atfork"));
  if (add != nullptr) add(nullptr, nullptr, end_changes_of_parent, nullptr);
}

bool open_tables() {
  if (g_held_directory != nullptr) return true;
  if (g_root.process_token == Address{}) open_fork_page();
  auto* const directory =
      static_cast<std::uint64_t*>(map_own_pages(kRegionCount * sizeof(std::uint64_t)));
  if (directory == nullptr) return false;
  g_held_directory = directory;
  store_release(g_root.held_directory, address_of(directory));
  // Readers look no further where no block was ever in flux: from now on they do.
  fetch_or(g_root.flux_used, std::uint64_t{1});
  watch_frees();
  watch_operator_deletes();
  watch_other_frees();
  hear_of_forks();
  return true;
}

// ---- going ----

// What goes because of what a thread's holder does while it is told waits here, so that chains are no recursion.
struct Going {
  std::uint64_t thread = 0;
  HeldBlock* first = nullptr;
  Going* outer = nullptr;
};

Going* going_of_this_thread() {
  auto* each = reinterpret_cast<Going*>(raw(g_fork_page.going));
  while (each != nullptr && each->thread != thread_pointer()) each = each->outer;
  return each;
}
void link(Going& going) {
  going.outer = reinterpret_cast<Going*>(raw(g_fork_page.going));
  store_release(g_fork_page.going, address_of(static_cast<const void*>(&going)));
}
// In a child that a holder forked it is in no list any more.
void unlink(const Going& going) {
  auto* each = reinterpret_cast<Going*>(raw(g_fork_page.going));
  if (each == &going) {
    store_release(g_fork_page.going, address_of(static_cast<const void*>(going.outer)));
    return;
  }
  while (each != nullptr && each->outer != &going) each = each->outer;
  if (each != nullptr) store_release(each->outer, going.outer);
}

bool is_to_be_told(const HeldBlock& held) {
  for (const Hold* each = held.holds; each != nullptr; each = each->next)
    if (each->holder->gone != nullptr) return true;
  return false;
}
void tell(const HeldBlock& held) {
  for (const Hold* each = held.holds; each != nullptr; each = each->next)
    if (each->holder->gone != nullptr)
      each->holder->gone(each->holder->context, held.block(), held.size);
}

void let_one_go(HeldBlock& held, HolderLock& lock) {
  if (is_to_be_told(held)) {
    lock.release();
    tell(held);
    lock.acquire();
  }
  void* const block = held.block();
  unlist(held);
  clear_record(block);
  drop(held);
  lock.release();
  free_really(block);
  lock.acquire();
}

// ---- mistakes ----

void report_excess(void* block) {
  fetch_add(g_excess_frees, std::uint64_t{1});
  if (const ReportExcess report = load_acquire(g_report_excess); report != nullptr)
    report(load_acquire(g_excess_context), block);
}

// The explicit holder lets go of a block whose record was cleared. False: nobody holds it, and nobody is to be told.
bool keep_when_freed(HeldBlock& held, HolderLock& lock) {
  if (held.is_freed || held.is_going) {
    put_back(held);
    void* const block = held.block();
    lock.release();
    report_excess(block);
    return true;
  }
  held.is_freed = true;
  const bool stays = held.is_held_by_others();
  if (!stays && !is_to_be_told(held)) {
    unlist(held);
    drop(held);
    return false;
  }
  put_back(held);
  if (stays) return true;
  held.is_going = true;
  held.next = nullptr;
  let_blocks_go(&held, lock);
  return true;
}

HeldBlock* make_entry(void* block, int& error) {
  const auto record = record_of_block(block);
  error = ALLOC_E_NOTHING_THERE;
  constexpr std::uint64_t kInUnit = (std::uint64_t{1} << kHeldUnitShift) - 1;
  if (!record || (raw(address_of(block)) & kInUnit) != 0) return nullptr;
  error = ALLOC_E_NO_MEMORY;
  const std::uint64_t start = raw(address_of(block));
  if (!open_tables() || !make_leaf(start) || !g_table.reserve()) return nullptr;
  HeldBlock* const held = g_unused_blocks.take();
  if (held == nullptr) return nullptr;
  *held = HeldBlock{.start = start, .size = record->size, .site = record->site};
  return held;
}

}  // namespace

Holder* add_holder(const Holder& holder) {
  auto* const added = static_cast<Holder*>(allocate_own(sizeof(Holder), alignof(Holder)));
  if (added == nullptr) return nullptr;
  *added = holder;
  added->next = load_acquire(g_first_holder);
  while (!compare_exchange(g_first_holder, added->next, added)) {
  }
  return added;
}

const Holder* first_holder() { return load_acquire(g_first_holder); }
bool is_holder(const Holder* holder) {
  const Holder* each = first_holder();
  while (each != nullptr && each != holder) each = each->next;
  return each != nullptr;
}

int hold_block(void* block, Holder& holder, IsPool is_pool) {
  HolderLock lock;
  if (!lock) return ALLOC_E_INVALID;
  HeldBlock* held = g_table.find(raw(address_of(block)));
  const bool is_new = held == nullptr;
  int error = ALLOC_OK;
  if (is_new && is_pool(block)) return ALLOC_E_HAS_CHILDREN;
  if (is_new) held = make_entry(block, error);
  if (held == nullptr) return error;
  if (held->is_going) return ALLOC_E_NOTHING_THERE;
  Hold* hold = held->hold_of(holder);
  if (hold == nullptr) {
    hold = g_unused_holds.take();
    if (hold == nullptr) {
      if (is_new) drop(*held);
      return ALLOC_E_NO_MEMORY;
    }
    *hold = Hold{.holder = &holder, .next = held->holds};
    store_release(held->holds, hold);
  }
  const bool counts = holder.kind == 0;
  store_release(hold->count, counts ? hold->count + 1 : 1);
  if (is_new) list(*held);
  return ALLOC_OK;
}

int let_go_of_block(void* block, Holder& holder) {
  HolderLock lock;
  if (!lock) return ALLOC_E_INVALID;
  HeldBlock* const held = g_table.find(raw(address_of(block)));
  if (held == nullptr || held->is_going) return ALLOC_E_NOT_HELD;
  Hold* const hold = held->hold_of(holder);
  if (hold == nullptr || hold->count == 0) return ALLOC_E_NOT_HELD;
  store_release(hold->count, hold->count - 1);
  if (held->is_held_by_others()) return ALLOC_OK;
  if (!held->is_freed) {
    // It is like any other block again, unless somebody is to be told.
    if (is_to_be_told(*held)) return ALLOC_OK;
    unlist(*held);
    drop(*held);
    return ALLOC_OK;
  }
  held->is_going = true;
  held->next = nullptr;
  let_blocks_go(held, lock);
  return ALLOC_OK;
}

void let_blocks_go(HeldBlock* first, HolderLock& lock) {
  const KeptErrno kept_errno;
  if (Going* const outer = going_of_this_thread(); outer != nullptr) {
    HeldBlock* last = first;
    while (last != nullptr && last->next != nullptr) last = last->next;
    if (last != nullptr) {
      last->next = outer->first;
      outer->first = first;
    }
    lock.release();
    return;
  }
  Going going{.thread = thread_pointer(), .first = first};
  link(going);
  while (HeldBlock* const next = going.first) {
    going.first = next->next;
    let_one_go(*next, lock);
  }
  unlink(going);
  lock.release();
}

bool is_freed_block(void* block) {
  if (!is_held_block(block)) return false;
  const HolderLock lock;
  const HeldBlock* const held = lock ? g_table.find(raw(address_of(block))) : nullptr;
  return held != nullptr && (held->is_freed || held->is_going);
}
// A mark stands for eight bytes, in which no other block begins.
bool is_held_block(const void* block) {
  constexpr std::uint64_t kInUnit = (std::uint64_t{1} << kHeldUnitShift) - 1;
  return g_held_directory != nullptr && (raw(address_of(block)) & kInUnit) == 0 &&
         may_be_held(block);
}
bool is_held_by_others(const void* block) {
  constexpr int kAttempts = 150;
  if (!is_held_block(block)) return false;
  const HolderLock lock(kAttempts);
  if (!lock) return true;
  const HeldBlock* const held = g_table.find(raw(address_of(block)));
  return held != nullptr && (held->is_held_by_others() || held->is_going);
}

void refresh_held_record(void* block) {
  if (!is_held_block(block)) return;
  const HolderLock lock;
  HeldBlock* const held = lock ? g_table.find(raw(address_of(block))) : nullptr;
  if (held == nullptr) return;
  if (const auto record = record_of_block(block)) {
    held->size = record->size;
    held->site = record->site;
    if (held->size > g_root.held_reach) store_release(g_root.held_reach, held->size);
  }
}

bool keeps_freed_block(void* block) {
  const KeptErrno kept_errno;
  HolderLock lock;
  if (!lock)
    return true;  // a handler that has interrupted this very thread in here: it stays for ever
  HeldBlock* const held = g_table.find(raw(address_of(block)));
  return held != nullptr && keep_when_freed(*held, lock);
}

void* reallocate_held(void* block, std::size_t size, ResizeCall resize, void* arguments,
                      bool may_stay) {
  const auto resize_really = [&] { return reinterpret_cast<void*>(resize(arguments)); };
  const auto fail = [&]() -> void* {
    errno = ENOMEM;
    return nullptr;
  };
  const Call call = g_find_call != nullptr ? g_find_call() : Call{};
  HolderLock lock;
  if (!lock) return fail();
  HeldBlock* const held = g_table.find(raw(address_of(block)));
  if (held == nullptr) {
    lock.release();
    return resize_really();
  }
  if (size == 0) {
    const KeptErrno kept_errno;
    if (keep_when_freed(*held, lock)) return nullptr;
    lock.release();
    return resize_really();
  }
  if (held->is_freed || held->is_going) {
    lock.release();
    report_excess(block);
    return fail();
  }
  const std::uint32_t site = call.return_address != nullptr ? site_for_call(call) : held->site;
  if (held->is_held_by_others()) {
    if (!may_stay || size > g_next.malloc_usable_size(block)) {
      lock.release();
      return fail();
    }
    held->size = size;
    held->site = site;
    if (size > g_root.held_reach) store_release(g_root.held_reach, held->size);
    return block;
  }
  // Who is to be told follows it. Nobody else may have it meanwhile.
  if (!g_table.reserve()) {
    lock.release();
    return fail();
  }
  unlist(*held);
  lock.release();
  void* const moved = resize_really();
  lock.acquire();
  if (moved != nullptr) {
    held->start = raw(address_of(moved));
    held->size = size;
    held->site = site;
  }
  if (make_leaf(held->start) && g_table.reserve()) {
    list(*held);
  } else {
    drop(*held);
  }
  return moved;
}

void find_calls_by(FindCall find) { store_release(g_find_call, find); }

void report_excess_by(ReportExcess report, void* context) {
  store_release(g_report_excess, ReportExcess{nullptr});
  store_release(g_excess_context, context);
  store_release(g_report_excess, report);
}
std::uint64_t count_excess_frees() { return load_acquire(g_excess_frees); }
const void* excess_context() { return load_acquire(g_excess_context); }

const HeldTable& held_blocks() { return g_table; }

}  // namespace allocs::allocators
