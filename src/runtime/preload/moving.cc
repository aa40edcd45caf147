// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/moving.h"

#include <time.h>

#include <algorithm>
#include <cstring>

#include "runt/self.h"
#include "runtime/allocators/held_blocks.h"
#include "runtime/index/find_block.h"
#include "runtime/index/flux_table.h"
#include "runtime/preload/base_level.h"
#include "runtime/preload/given_pointers.h"
#include "runtime/preload/info.h"
#include "runtime/preload/own_array.h"
#include "runtime/preload/place_verdict.h"
#include "runtime/preload/roots.h"
#include "runtime/preload/stop_scope.h"
#include "runtime/preload/word_search.h"
#include "runtime/self/ask.h"
#include "runtime/self/kept_walk.h"
#include "types/uniqtype_record.h"

// The new places are made while everything runs, since malloc's locks may be held afterwards. Then the threads are stopped, and memory is looked through for words that lead into what
// moves. Each is judged (place_verdict.h); the first that cannot be told ends it. What is to be written is only listed, so that until then nothing has changed. At last the contents are
// copied, the list is written, the threads run again, and the old places are freed. (Of blocks of malloc the index forgets the old place before they run, and the holders' lock is held until
// then: who comes to hold a block does so before, and it stays, or finds nothing there.)
//
// A block that a stopped thread is about to reallocate is in two places, of which the index knows neither. So while any is, the threads run on for a moment.

namespace allocs::preload {

namespace {

struct Reference {
  Address at;
  std::uint64_t value;
};
constinit OwnArray<Reference> g_references;
constexpr unsigned kPatienceMs = 2000;

bool is_any_block_in_flux(const index::Root& root) {
  if (index::load_acquire(root.flux_homeless) != 0) return true;
  for (const index::FluxSlot& slot : root.flux) {
    if (index::load_acquire(slot.owner) != 0) return true;
  }
  const auto* const more =
      reinterpret_cast<const index::MoreFlux*>(raw(index::load_acquire(root.more_flux)));
  if (more == nullptr) return false;
  for (const index::FluxSlot& slot : more->slots) {
    if (index::load_acquire(slot.owner) != 0) return true;
  }
  return false;
}

class Search {
 public:
  Search(const self::SelfProcess& process, std::span<const Move> moves, AddressRange ignored,
         alloc_moving& moving)
      : process_(process, kept_),
        malloc_(process),
        moves_(moves),
        ignored_(ignored),
        moving_(moving),
        asker_(registers_of_asker(process)),
        out_of_use_(process, asker_.sp()) {}

  // Lists the references. ALLOC_E_OBSTACLE: moving.obstacle says which.
  int run() {
    g_references.clear();
    if (!look_at_registers() || !look_at_given_pointers()) return ALLOC_E_OBSTACLE;
    std::uint64_t highest = 0;
    for (const Move& move : moves_) highest = std::max(highest, raw(move.end()));
    const bool was_told = WordSearch(process_, raw(moves_.front().begin()), highest)
                              .run([&](Address at, std::uint64_t value, bool is_writable) {
                                return consider(at, value, is_writable);
                              });
    if (!was_told && error_ == ALLOC_OK) error_ = ALLOC_E_REFUSED;
    return error_;
  }
  const Move* failed() const { return failed_; }

 private:
  // The last that begins at or below the address.
  const Move* move_below(std::uint64_t value) const {
    const auto above =
        std::upper_bound(moves_.begin(), moves_.end(), value,
                         [](std::uint64_t a, const Move& move) { return a < raw(move.begin()); });
    return above == moves_.begin() ? nullptr : &*(above - 1);
  }
  const Move* move_at(std::uint64_t value) const {
    const Move* const move = move_below(value);
    return move != nullptr && value <= raw(move->end()) ? move : nullptr;
  }
  // Does the address mean what begins there, or the end of what lies before it?
  enum class Meaning { inside, end, another, either };
  Meaning meaning_of(const Move& move, std::uint64_t value) const {
    const query::Allocator who = allocator_of(move.from.allocator);
    if (value == raw(move.begin())) {
      const bool may_end_there = who != query::Allocator::lib_malloc && may_end_at(move.begin());
      return may_end_there ? Meaning::either : Meaning::inside;
    }
    if (value < raw(move.end())) return Meaning::inside;
    if (who == query::Allocator::lib_malloc) return Meaning::end;  // it has books between blocks
    if (move.is_single) return Meaning::another;
    if (who == query::Allocator::registered) return Meaning::either;
    const query::Answer next = self::ask(process_, move.end());
    const bool begins_there = next.error == ALLOC_OK && next.range.begin == move.end();
    return begins_there ? Meaning::either : Meaning::end;
  }

  // May it be the end of something that a pointer to its end belongs to?
  bool may_end_at(Address at) const {
    const query::Answer before = self::ask(process_, at - 1);
    if (before.error != ALLOC_OK) return before.error != ALLOC_E_NOTHING_THERE;
    if (before.range.end != at || before.allocator == query::Allocator::own) return false;
    return before.type == nullptr || types::record_of(*before.type).kind == types::Kind::array;
  }

  bool stop_at(const Move& move, alloc_obstacle obstacle) {
    moving_.obstacle = obstacle;
    failed_ = &move;
    error_ = ALLOC_E_OBSTACLE;
    return false;
  }

  bool look_at_registers(const runt::Registers& registers, int thread) {
    for (unsigned i = 0; i < elf::kRegisterCount; ++i) {
      const Move* const move = registers.has(i) ? move_at(registers.value[i]) : nullptr;
      if (move == nullptr || meaning_of(*move, registers.value[i]) == Meaning::another) continue;
      return stop_at(*move, {.kind = ALLOC_OBSTACLE_REGISTER,
                             .thread = thread,
                             .reg = static_cast<int>(i),
                             .at = nullptr,
                             .value = pointer(Address{registers.value[i]}),
                             .reserved = {}});
    }
    return true;
  }
  bool look_at_registers() {
    if (!look_at_registers(asker_, runt::self::thread_id())) return false;
    bool are_clear = true;
    self::for_each_stopped_thread([&](const self::StoppedThread& thread) {
      return are_clear = look_at_registers(thread.registers(), thread.tid);
    });
    return are_clear;
  }

  // Whoever gave them may compare them with what is given later, so they are not ours to change.
  bool look_at_given_pointers() {
    for_each_given_pointer([&](const void* given) {
      const Move* const move = move_at(raw(address_of(given)));
      if (move == nullptr || error_ != ALLOC_OK) return;
      stop_at(*move, {.kind = ALLOC_OBSTACLE_GIVEN,
                      .thread = 0,
                      .reg = -1,
                      .at = nullptr,
                      .value = given,
                      .reserved = {}});
    });
    return error_ == ALLOC_OK;
  }

  bool consider(Address at, std::uint64_t value, bool is_writable) {
    const Move* const move = move_at(value);
    if (move == nullptr || ignored_.contains(at) || out_of_use_.contains(at)) return true;
    const Meaning meaning = meaning_of(*move, value);
    if (meaning == Meaning::another) return true;
    const Verdict verdict = judge_place(process_, malloc_, at);
    if (!verdict.is_reference && verdict.obstacle == ALLOC_NO_OBSTACLE) return true;
    const std::uint64_t distance = value - raw(move->begin());
    const int kind = verdict.obstacle != ALLOC_NO_OBSTACLE ? verdict.obstacle
                     : meaning == Meaning::either          ? ALLOC_OBSTACLE_END
                     : !is_writable                        ? ALLOC_OBSTACLE_READ_ONLY
                                                           : ALLOC_NO_OBSTACLE;
    if (kind != ALLOC_NO_OBSTACLE) {
      return stop_at(*move, {.kind = kind,
                             .thread = 0,
                             .reg = -1,
                             .at = pointer(at),
                             .value = pointer(Address{value}),
                             .reserved = {}});
    }
    if (g_references.add({.at = at, .value = raw(address_of(move->base)) + distance})) return true;
    error_ = ALLOC_E_NO_MEMORY;
    return false;
  }

  self::KeptWalk kept_;
  const self::SelfProcess process_;
  MallocMemory malloc_;
  std::span<const Move> moves_;
  AddressRange ignored_;
  alloc_moving& moving_;
  runt::Registers asker_;
  OutOfUse out_of_use_;
  const Move* failed_ = nullptr;
  int error_ = ALLOC_OK;

 public:
  // The word of a reference: where it is, or in the copy of what it is in.
  std::byte* place_of(Address at) const {
    const Move* const around = move_below(raw(at));
    if (around == nullptr || at >= around->end()) return reinterpret_cast<std::byte*>(raw(at));
    const std::uint64_t distance = at - around->begin();
    return distance + sizeof(void*) <= around->size
               ? static_cast<std::byte*>(around->base) + distance
               : nullptr;
  }
};

// Is it still what the move was planned for?
bool is_still_there(const self::SelfProcess& process, const Move& move) {
  const query::Answer now = self::ask(process, move.begin());
  return now.error == ALLOC_OK && now.range.begin == move.begin() &&
         size_of(now) == move.from.size && object_of(now) == move.from.allocator &&
         !is_shared_out(move.from);
}

int move_while_stopped(const self::SelfProcess& process, std::span<const Move> moves,
                       AddressRange ignored, alloc_moving& moving, const Move*& failed) {
  for (const Move& move : moves) {
    failed = &move;
    if (!is_still_there(process, move)) return ALLOC_E_NOTHING_THERE;
    const bool is_block = is_of_malloc(move.from.allocator);
    if (is_block && allocators::is_held_block(move.from.base)) return ALLOC_E_HELD;
  }
  failed = nullptr;
  Search search(process, moves, ignored, moving);
  const int error = search.run();
  failed = search.failed();
  if (error != ALLOC_OK) return error;
  for (const Move& move : moves) {
    failed = &move;
    if (!copy_contents(move)) return ALLOC_E_REFUSED;
  }
  failed = nullptr;
  // Nothing fails below this line.
  for (const Reference& reference : g_references.all()) {
    if (std::byte* const place = search.place_of(reference.at); place != nullptr)
      std::memcpy(place, &reference.value, sizeof reference.value);
  }
  for (const Move& move : moves) give_up_old(move);
  moving.references = g_references.size();
  return ALLOC_OK;
}

}  // namespace

bool copy_contents(const Move& move) {
  const std::size_t size = std::min(move.from.size, move.size);
  return size == 0 || runt::self::read_memory(move.begin(), move.base, size);
}

int move_with_references(const self::SelfProcess& process, std::span<Move> moves,
                         AddressRange ignored, alloc_moving& moving, const Move*& failed) {
  failed = nullptr;
  const self::ProcessLock::Guard guard(WordSearch::lock, kPatienceMs);
  if (!guard.is_held()) return ALLOC_E_NOT_YET;
  process.finds_new_objects();
  // As where the unreachable is collected (collect.cc): nobody is in the midst of holding a block while the threads are stopped, nor waits for this lock with the loader's.
  const bool needs_lock = std::any_of(moves.begin(), moves.end(), [](const Move& move) {
    return is_of_malloc(move.from.allocator);
  });
  constexpr int kMostAttempts = 100;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    {
      allocators::HolderLock lock(0);
      if (needs_lock) {
        if (moving.signal != 0) self::prepare_to_stop_others();
        lock.acquire();
        if (!lock) return ALLOC_E_INVALID;
      }
      const StopScope stop(moving.signal, moving.timeout_ms, moving.stop, needs_lock);
      if (stop.error() != ALLOC_OK) return stop.error();
      if (!is_any_block_in_flux(*process.root()))
        return move_while_stopped(process, moves, ignored, moving, failed);
      if (!stop.can_be_tried_again()) break;
    }
    const timespec pause{0, 1'000'000};
    raw_syscall(SYS_nanosleep, &pause, 0L);
  }
  return ALLOC_E_BEING_RESIZED;
}

}  // namespace allocs::preload
