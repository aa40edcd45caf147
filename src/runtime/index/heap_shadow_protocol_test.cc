// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "runtime/index/shadow_test.h"

namespace allocs::index {
namespace {

// The protocol of the cells: every interleaving of a reader with what the owners of blocks store.
// Left out: more threads inside realloc than Root has slots for (MoreFlux, flux_homeless).

// What is stored goes into a list first; the test lets it happen step by step, between the reader's loads.
struct Step {
  void* at;
  std::uint64_t value;
  bool is_word;   // of 8 bytes, or a cell
  bool are_bits;  // that are set in it
  std::uint64_t before = 0;
  std::uint64_t load() const {
    return is_word ? *static_cast<std::uint64_t*>(at) : *static_cast<Cell*>(at);
  }
  void store(std::uint64_t v) const {
    if (is_word) {
      *static_cast<std::uint64_t*>(at) = v;
    } else {
      *static_cast<Cell*>(at) = static_cast<Cell>(v);
    }
  }
  void happen() const { store(are_bits ? load() | value : value); }
};
// It happens at once, too, for what is stored next depends on it.
struct Recorder {
  std::vector<Step>* steps;
  template <typename T>
  void store(T* at, T value) const {
    add({at, value, sizeof(T) == 8, false});
  }
  template <typename T>
  void publish(T* at, T value) const {
    store(at, value);
  }
  bool exchange(std::uint64_t* at, std::uint64_t& expected, std::uint64_t desired) const {
    if (*at != expected) return false;
    store(at, desired);
    return true;
  }
  void set_bits(std::uint64_t* at, std::uint64_t bits) const { add({at, bits, true, true}); }
  void add(Step step) const {
    step.before = step.load();
    steps->push_back(step);
    step.happen();
  }
};

// One owner at a time does what it does to a block; `moved_to` is where realloc puts it.
struct Act {
  enum Kind { is_there, make, free, resize } kind;  // is_there: from the beginning
  std::uint64_t start, size;
  std::uint64_t moved_to = 0, new_size = 0;
};
constexpr std::size_t kNever = ~std::size_t{0};
constexpr std::size_t kBefore = kNever - 1;
constexpr std::size_t kAnyNumber = 1000;
// What was so from step `from` of a thread (having happened) until step `until` of it: this block was in its cell, or in flux.
struct Truth {
  std::size_t thread;
  std::size_t from, until;
  std::uint64_t base, size;
  std::uint32_t site;  // 0: in flux
  bool is_in_no_cell = false;
  bool covers(std::uint64_t a) const { return a == base || (a > base && a - base < size); }
};

template <typename Shadow>
class ExplorationOf {
 public:
  // Each thread does its acts one after the other. `most_switches`: how often a run goes from the reader to the others at most;
  // `most_turns`: how often from one of these to another. `where`: after which of their steps the reader may go on.
  enum Where { anywhere, where_truth_changes };
  ExplorationOf(const std::vector<std::vector<Act>>& threads, std::size_t most_switches,
                std::size_t most_turns = kAnyNumber, Where where = anywhere)
      : most_switches_(most_switches), most_turns_(most_turns), where_(where) {
    for (const auto& acts : threads) {
      for (const Act& act : acts) {  // makes the leaves
        for (const std::uint64_t start : {act.start, act.moved_to}) {
          if (start == 0) continue;
          for (const std::uint64_t size : {act.size, act.new_size}) {
            shadow_.insert(start, size);
            shadow_.erase(start);
          }
        }
      }
    }
    for (std::size_t i = 0; i < threads.size(); ++i) {
      steps_.emplace_back();
      for (const Act& act : threads[i]) record(i, act);
    }
    for (const auto& steps : steps_) {
      for (const Step& step : steps) {
        if (std::ranges::find(initial_, step.at, &Step::at) == initial_.end())
          initial_.push_back({step.at, step.before, step.is_word, false});
      }
    }
  }

  void ask(const std::vector<std::uint64_t>& questions) {
    std::vector<std::size_t> order;
    merge(order, std::vector<std::size_t>(steps_.size(), 0), 0, questions);
    EXPECT_GT(runs_, 100);
  }
  long in_flux() const { return in_flux_; }

 private:
  void record(std::size_t thread, const Act& act) {
    std::vector<Step>& steps = steps_[thread];
    const Recorder recorder{&steps};
    const auto writer = shadow_.writer(recorder);
    const auto insert = [&](std::uint64_t start, std::uint64_t size) {
      const std::uint32_t site = ++last_site_;
      writer.insert(start, size, site << kSiteShift);
      truths_.push_back({thread, steps.size() - 1, kNever, start, size, site});
    };
    const auto ends = [&](std::uint64_t start) {
      for (Truth& truth : truths_) {
        if (truth.base == start && truth.until == kNever) truth.until = steps.size() - 1;
      }
    };
    switch (act.kind) {
      case Act::is_there:
        shadow_.insert(act.start, act.size, ++last_site_);
        truths_.push_back({thread, kBefore, kNever, act.start, act.size, last_site_});
        break;
      case Act::make:
        insert(act.start, act.size);
        break;
      case Act::free:
        writer.erase(act.start);
        ends(act.start);
        break;
      case Act::resize: {
        const std::size_t first = steps.size();
        {
          const FluxClaim claim(
              shadow_.root(), (thread + 1) << 12, act.start, act.start + act.size, +[] {},
              recorder);
          writer.erase(act.start);
          ends(act.start);
          const std::size_t cleared = steps.size() - 1;
          insert(act.moved_to, act.new_size);
          truths_.push_back({thread, cleared, steps.size() - 1, act.start, act.size, 0, true});
        }
        // "In flux" may be answered from the claim on, until it is given up, and must be while the block is in no cell.
        truths_.push_back({thread, first, steps.size() - 1, act.start, act.size, 0});
        break;
      }
    }
  }

  // All orders in which the threads' steps can happen.
  void merge(std::vector<std::size_t>& order, std::vector<std::size_t> done, std::size_t turns,
             const std::vector<std::uint64_t>& questions) {
    bool is_whole = true;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      if (done[i] == steps_[i].size()) continue;
      is_whole = false;
      const std::size_t now = turns + (order.empty() || order.back() == i ? 0 : 1);
      if (now > most_turns_) continue;
      order.push_back(i);
      ++done[i];
      merge(order, done, now, questions);
      --done[i];
      order.pop_back();
    }
    if (!is_whole || testing::Test::HasFatalFailure()) return;
    merged_.clear();
    std::vector<std::size_t> next(steps_.size(), 0);
    positions_.assign(steps_.size(), {});
    for (const std::size_t thread : order) {
      positions_[thread].push_back(merged_.size());
      merged_.push_back(steps_[thread][next[thread]++]);
    }
    stops_.clear();
    for (std::size_t i = 1; i <= merged_.size(); ++i) {
      const auto changes = [&](const Truth& truth) {
        const auto is_last = [&](std::size_t step) {
          return step < kBefore && positions_[truth.thread][step] == i - 1;
        };
        return is_last(truth.from) || is_last(truth.until);
      };
      if (where_ == anywhere || std::ranges::any_of(truths_, changes)) stops_.push_back(i);
    }
    for (const std::uint64_t a : questions) ask_at_every_moment(a);
  }

  // Before the reader's load number i, choices_[i] stops are gone to.
  struct SteppedMemory {
    ExplorationOf* in;
    void before_load() const { in->before_load(); }
    const std::byte* view(Address at, std::size_t) const {
      in->before_load();
      return reinterpret_cast<const std::byte*>(raw(at));
    }
  };
  void before_load() {
    if (load_ == choices_.size()) choices_.push_back(0);
    for (std::size_t n = choices_[load_++]; n > 0; --n) {
      for (const std::size_t stop = stops_[stop_++]; done_ < stop;) merged_[done_++].happen();
    }
    if (load_ == 1) done_first_ = done_;
  }

  void ask_at_every_moment(std::uint64_t a) {
    choices_.clear();
    for (bool more = true; more && !testing::Test::HasFatalFailure();) {
      for (const Step& place : initial_) place.happen();
      load_ = done_ = stop_ = 0;
      ++runs_;
      Block found;
      const bool is_found = find_block(SteppedMemory{this}, shadow_.root(), Address{a}, found);
      judge(a, is_found, found);
      more = choose_next();
    }
  }
  // The next series of choices: the last one that can be is made greater, and those behind it start again.
  bool choose_next() {
    choices_.resize(load_);
    std::size_t sum = 0;
    std::size_t switches = 0;
    for (const std::size_t n : choices_) {
      sum += n;
      switches += n != 0 ? 1 : 0;
    }
    while (!choices_.empty()) {
      const std::size_t last = choices_.back();
      if (sum < stops_.size() && (last != 0 || switches < most_switches_)) {
        ++choices_.back();
        return true;
      }
      sum -= last;
      switches -= last != 0 ? 1 : 0;
      choices_.pop_back();
    }
    return false;
  }

  bool was_so(const Truth& truth, std::size_t done) const {
    const auto has_happened = [&](std::size_t step) {
      return step == kBefore || (step != kNever && positions_[truth.thread][step] < done);
    };
    return has_happened(truth.from) && !has_happened(truth.until);
  }
  void judge(std::uint64_t a, bool is_found, const Block& found) {
    bool is_true = false;
    for (std::size_t done = done_first_; done <= done_; ++done) {
      bool is_covered = false;
      for (const Truth& truth : truths_) {
        if (!was_so(truth, done)) continue;
        is_covered |= (truth.site != 0 || truth.is_in_no_cell) && truth.covers(a);
        is_true |= is_found && raw(found.base) == truth.base && found.size == truth.size &&
                   found.site == truth.site &&
                   (found.state == BlockState::in_flux) == (truth.site == 0);
      }
      is_true |= !is_found && !is_covered;
    }
    if (is_found && found.state == BlockState::in_flux) ++in_flux_;
    ASSERT_TRUE(is_true) << std::hex << a << " -> " << is_found << " " << raw(found.base) << "+"
                         << found.size << " after steps " << done_first_ << " to " << done_;
    ASSERT_TRUE(!is_found || found.contains(Address{a}));
  }

  std::size_t most_switches_, most_turns_;
  Where where_;
  Shadow shadow_;
  std::vector<std::vector<Step>> steps_;  // of each thread
  std::vector<Truth> truths_;
  std::vector<Step> initial_;  // one for each place
  std::uint32_t last_site_ = 2;
  std::vector<Step> merged_;
  std::vector<std::vector<std::size_t>> positions_;  // [thread][step]: in merged_
  std::vector<std::size_t> choices_;
  std::vector<std::size_t> stops_;  // as numbers of steps that have happened
  std::size_t load_ = 0, stop_ = 0, done_ = 0, done_first_ = 0;
  long runs_ = 0, in_flux_ = 0;
};

using Exploration = ExplorationOf<Coarse>;
using ForeignExploration = ExplorationOf<Foreign>;

constexpr Act is_there(std::uint64_t start, std::uint64_t size) {
  return {Act::is_there, start, size};
}
constexpr Act make(std::uint64_t start, std::uint64_t size) { return {Act::make, start, size}; }
constexpr Act free(std::uint64_t start) { return {Act::free, start, 0}; }
constexpr Act resize(std::uint64_t start, std::uint64_t size, std::uint64_t moved_to,
                     std::uint64_t new_size) {
  return {Act::resize, start, size, moved_to, new_size};
}

TEST(HeapShadowProtocol, SmallBlocksChangeHands) {
  const std::uint64_t p = kHere;
  Exploration({{make(p, 200), free(p), make(p, 90)}}, kAnyNumber).ask({p, p + 50, p + 150});
}
TEST(HeapShadowProtocol, ABlockIsSplit) {
  const std::uint64_t p = kHere;
  Exploration({{make(p, 300), free(p), make(p + 64, 100)}}, kAnyNumber)
      .ask({p + 64, p + 100, p + 250});
}
TEST(HeapShadowProtocol, BlocksMerge) {
  const std::uint64_t p = kHere;
  Exploration({{make(p + 64, 100), free(p + 64), make(p, 300)}}, kAnyNumber)
      .ask({p + 64, p + 100, p + 10});
}
TEST(HeapShadowProtocol, ABigBlockTakesTheirPlace) {
  const std::uint64_t p = kHere;
  Exploration({{make(p + 1008, 40), free(p + 1008), make(p, 1600)}}, kAnyNumber)
      .ask({p + 1010, p + 1500});
}
TEST(HeapShadowProtocol, ALargeBlockComesAndGoes) {
  const std::uint64_t p = kHere - 0x100;
  Exploration({{make(p, 0x20000), free(p), make(p + 0x8000, 0x10000)}}, 4)
      .ask({p + 0x7f00, p + 0x8100, p + 0x17ff0});
}
// Each by its own thread, side by side in cells, one behind the other's boundary.
TEST(HeapShadowProtocol, NeighboursAreMadeAndFreedAtOnce) {
  const std::uint64_t p = kHere;
  Exploration({{make(p, 40), free(p)}, {make(p + 48, 24), free(p + 48)}}, kAnyNumber)
      .ask({p, p + 39, p + 48, p + 71});
  const std::uint64_t boundary = (kHere | 0x7ff) + 1;
  Exploration({{make(boundary - 0x7f0, 0x7f0 + 8), free(boundary - 0x7f0)},
               {make(boundary + 16, 100), free(boundary + 16)}},
              kAnyNumber)
      .ask({boundary - 1, boundary + 7, boundary + 8, boundary + 16});
}
TEST(HeapShadowProtocol, ALargeBlockSurvivesItsNeighbours) {
  const std::uint64_t p = kHere - 0x100;
  Exploration(
      {{make(p, 0x10008)}, {make(p + 0x10020, 200), free(p + 0x10020), make(p + 0x10020, 24)}}, 3,
      2)
      .ask({p + 0x8000, p + 0x10000, p + 0x10007, p + 0x10020});
}
TEST(HeapShadowProtocol, ABlockIsResizedWhereItIs) {
  const std::uint64_t p = kHere;
  Exploration grows({{is_there(p, 100), resize(p, 100, p, 200)}}, 4);
  grows.ask({p, p + 50, p + 150});
  EXPECT_GT(grows.in_flux(), 0);
  Exploration({{is_there(p, 2000), resize(p, 2000, p, 30)}}, 4).ask({p, p + 20, p + 1990});
  // Twice: each search may meet the moment at which it is in no cell.
  Exploration({{is_there(p, 100), resize(p, 100, p, 200), resize(p, 200, p, 300)}}, 5, 1,
              Exploration::where_truth_changes)
      .ask({p, p + 50});
}
TEST(HeapShadowProtocol, ABlockIsMoved) {
  const std::uint64_t p = kHere;
  const std::uint64_t q = kHere + 0x4000;
  Exploration({{is_there(p, 100), resize(p, 100, q, 5000)}}, 3).ask({p + 50, q + 50, q + 4096});
  // Another thread gets its old place at once.
  Exploration({{is_there(p, 100), resize(p, 100, q, 200), make(p, 60)}}, 3)
      .ask({p, p + 50, q + 150});
}
TEST(HeapShadowProtocol, TwoAreResizedAtOnce) {
  const std::uint64_t p = kHere;
  const std::uint64_t q = p + 0x100;
  Exploration both(
      {{is_there(p, 100), resize(p, 100, p, 200)}, {is_there(q, 500), resize(q, 500, q, 300)}}, 2,
      2);
  both.ask({p + 50, q + 400});
  EXPECT_GT(both.in_flux(), 0);
}

// The same over an allocator without heads. A block of 16 bytes is in the other shadow.
TEST(HeapShadowProtocol, BlocksOfAnotherMallocChangeHands) {
  const std::uint64_t p = kHere;
  ForeignExploration({{make(p, 40), free(p), make(p, 16), free(p), make(p, 90)}}, 3)
      .ask({p, p + 20, p + 80});
  ForeignExploration({{make(p, 16), free(p)}, {make(p + 16, 100), free(p + 16)}}, 3)
      .ask({p, p + 15, p + 16, p + 100});
}
TEST(HeapShadowProtocol, NeighboursOfAnotherMallocAreMadeAndFreedAtOnce) {
  const std::uint64_t p = kHere;
  ForeignExploration({{make(p, 48), free(p)}, {make(p + 48, 80), free(p + 48)}}, 4)
      .ask({p, p + 47, p + 48, p + 127});
  const std::uint64_t boundary = (kHere | 0x7ff) + 1;
  ForeignExploration({{make(boundary - 0x7f0, 0x7f0 + 16), free(boundary - 0x7f0)},
                      {make(boundary + 16, 100), free(boundary + 16)}},
                     3)
      .ask({boundary - 1, boundary + 15, boundary + 16});
}
TEST(HeapShadowProtocol, ABlockOfAnotherMallocIsResizedIntoTheOtherShadow) {
  const std::uint64_t p = kHere;
  ForeignExploration grows({{is_there(p, 16), resize(p, 16, p, 200)}}, 3);
  grows.ask({p, p + 10, p + 150});
  EXPECT_GT(grows.in_flux(), 0);
  ForeignExploration({{is_there(p, 2000), resize(p, 2000, p, 8)}}, 3).ask({p, p + 5, p + 1990});
  const std::uint64_t q = kHere + 0x4000;
  ForeignExploration({{is_there(p, 16), resize(p, 16, q, 100), make(p, 24)}}, 2)
      .ask({p, p + 10, q + 50});
}

}  // namespace
}  // namespace allocs::index
