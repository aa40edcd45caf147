// SPDX-License-Identifier: Apache-2.0
#include "base/every_process.h"
#include "runtime/index/find_block.h"
#include "runtime/query/frame_scan.h"
#include "runtime/query/stack_query.h"
#include "runtime/self/kept_walk.h"
#include "runtime/self/known_objects.h"
#include "runtime/self/known_rules.h"
#include "runtime/self/self_process.h"
#include "runtime/self/stopped_threads.h"

// The stacks of this process: the frames of the thread that asks, and of those that it has stopped. Of others only whose stack it is.

namespace allocs::self {

namespace {

ALLOCS_APART constinit runt::RuleCache g_rules;

// The first thread's stack is as large as it has grown; frames further than this from its start are on another stack.
constexpr std::uint64_t kUsualStackLimit = 8u << 20;
constexpr std::uint64_t kPageSize = 4096;

// Frames of a thread, without those of the code in `passed_over`.
template <Memory M>
class ThreadWalk {
 public:
  ThreadWalk(const M& stack, const runt::Registers& start, AddressRange passed_over,
             bool may_ask_kernel)
      : rules_(may_ask_kernel), walk_(stack, rules_, g_rules, start), passed_over_(passed_over) {}

  std::optional<runt::Frame> next() {
    for (;;) {
      auto frame = walk_.next();
      if (!frame || !passed_over_.contains(frame->pc)) return frame;
    }
  }
  void pass_below(Address at, std::size_t most) { walk_.pass_below(at, most); }
  std::optional<runt::Registers> registers_of_last() const { return walk_.registers_of_last(); }
  Address lookup_pc() const { return walk_.lookup_pc(); }
  const M& memory() const { return walk_.memory(); }

 private:
  KnownRules rules_;
  runt::CachedWalk<M, KnownRules> walk_;
  AddressRange passed_over_;
};

// Cached unwind rules hold as long as the set of loaded objects does.
void forget_rules_of_gone_modules() { g_rules.advance_to(object_generation()); }

AddressRange code_of_run_time() {
  const auto own = index::module_at(TrustedMemory{}, allocators::g_root,
                                    address_of(reinterpret_cast<const void*>(&g_rules)));
  return own ? AddressRange{own->begin, own->end} : AddressRange{};
}

// The asker is inside a call of this library; a thread that was stopped there is told with all its frames.
AddressRange passed_over_of(const StandingThread& thread) {
  return thread.is_asker ? code_of_run_time() : AddressRange{};
}

// The walk that is kept, if one is, and may be for that memory.
KeptWalk::Search* kept_search(KeptWalk* kept, const runt::StackMemory& memory,
                              const StandingThread& thread, AddressRange where,
                              bool may_ask_kernel) {
  if (kept == nullptr) [[likely]]
    return nullptr;
  return &kept->search(memory, thread, passed_over_of(thread), where, may_ask_kernel);
}
KeptWalk::Search* kept_search(KeptWalk*, const CheckedMemory&, const StandingThread&, AddressRange,
                              bool) {
  return nullptr;
}

template <Memory M>
query::Answer frame_at(const SelfProcess& process, KeptWalk* kept, const M& memory,
                       const StandingThread& thread, AddressRange where, Address at) {
  query::Answer answer;
  if (auto* const search = kept_search(kept, memory, thread, where, process.knows_mappings())) {
    answer = query::query_frames(process, *search, at);
  } else {
    forget_rules_of_gone_modules();
    ThreadWalk walk(memory, thread.registers, passed_over_of(thread), process.knows_mappings());
    answer = query::query_frames(process, walk, at, where);
  }
  if (answer.error == ALLOC_OK)
    answer.thread = thread.is_asker ? process.id_of_caller() : thread.id;
  return answer;
}

// What is told of one word of a frame, by a walk that begins at the frame or its callee with no registers but rip, rsp and rbp: the many frames further in were passed by cached rules. Absent: that is
// not enough, or not surely.
class WordLook {
 public:
  template <Memory M>
  std::optional<query::FrameView> look(const SelfProcess& process, const M& memory,
                                       const StandingThread& thread, Address at, AddressRange word,
                                       int id, const query::PlaceVisitor& visit) {
    const auto start = frame_near(process, memory, thread, at);
    if (!start) return std::nullopt;
    runt::Registers registers;
    registers.set(elf::kRip, raw(start->pc));
    registers.set(elf::kRsp, raw(start->sp));
    if (start->fp != Address{}) registers.set(elf::kRbp, raw(start->fp));
    const PlainRules rules(process.knows_mappings());
    const runt::RegisterWalk walk(memory, rules, registers, start->is_interrupted);
    query::FrameSearch search(walk, registers, passed_over_of(thread), query::kAnywhere);
    const query::PlaceVisitor keep{.call = keep_place, .context = this};
    const query::FrameView view =
        query::look_into_frame(process, search, at, word, query::FrameReach::one, id, keep);
    if (view.error != ALLOC_OK || !rules.are_plain()) return std::nullopt;
    if (place_) visit(view, *place_);
    return view;
  }

 private:
  // Notes whether all that were given need no other registers.
  class PlainRules {
   public:
    explicit PlainRules(bool may_ask_kernel) : rules_(may_ask_kernel) {}
    std::optional<elf::UnwindRule> rule_of(Address pc) const {
      const auto rule = rules_.rule_of(pc);
      are_plain_ = are_plain_ && rule && is_plain(*rule);
      return rule;
    }
    bool are_plain() const { return are_plain_; }

   private:
    static bool is_plain(const elf::UnwindRule& rule) {
      if (rule.cfa_is_expression) return false;
      if (rule.cfa_register != elf::kRsp && rule.cfa_register != elf::kRbp) return false;
      for (std::uint32_t left = rule.specified; left != 0; left &= left - 1) {
        const elf::Saved how = rule.how[__builtin_ctz(left)];
        if (how != elf::Saved::at_cfa_offset && how != elf::Saved::same &&
            how != elf::Saved::undefined && how != elf::Saved::unspecified)
          return false;
      }
      return true;
    }
    KnownRules rules_;
    mutable bool are_plain_ = true;
  };

  // The callee of the frame that contains `at`, or the frame itself if it is the innermost. Variables that are computed need all registers.
  template <Memory M>
  static std::optional<runt::Frame> frame_near(const SelfProcess& process, const M& memory,
                                               const StandingThread& thread, Address at) {
    forget_rules_of_gone_modules();
    ThreadWalk walk(memory, thread.registers, passed_over_of(thread), process.knows_mappings());
    walk.pass_below(at, query::kMostFrames);
    const auto is_enough = [&](const runt::Frame& frame) {
      return !process.frame_facts(frame).layout.has_computed_variables;
    };
    std::optional<runt::Frame> callee;
    for (unsigned depth = 0; depth < query::kMostFrames; ++depth) {
      const auto frame = walk.next();
      if (!frame || at < frame->lowest()) break;
      if (at >= frame->cfa) {
        callee = frame;
      } else if (is_enough(*frame) && (!callee || is_enough(*callee))) {
        return callee ? callee : frame;
      } else {
        break;
      }
    }
    return std::nullopt;
  }

  static bool keep_place(void* context, const query::FrameView&, const query::FramePlace& place) {
    static_cast<WordLook*>(context)->place_ = place;
    return false;
  }

  std::optional<query::FramePlace> place_{};
};

// The kernel's frame lies right below what the thread uses: it was running on this stack, which is there. Else its stack pointer may be anything.
bool runs_where_it_says(const StoppedThread& thread) {
  constexpr std::uint64_t kAlignment = 64;
  const Address sp = thread.sp(), end = thread.frame().end;
  return end <= sp && sp - end <= kRedZone + kAlignment;
}

// Of several threads that may be on the stack of `at`, the one that is nearest below.
template <typename IsOnStack>
const StoppedThread* nearest_stopped(IsOnStack&& is_on_stack) {
  const StoppedThread* nearest = nullptr;
  for_each_stopped_thread([&](const StoppedThread& thread) {
    if ((nearest == nullptr || thread.sp() > nearest->sp()) && is_on_stack(thread))
      nearest = &thread;
    return true;
  });
  return nearest;
}

const StoppedThread* stopped_thread_of_id(int id) {
  return nearest_stopped([&](const StoppedThread& thread) { return thread.tid == id; });
}

// `registers` are those of the thread.
StandingThread standing(const StoppedThread& thread, const runt::Registers& registers) {
  return {.registers = registers,
          .thread_pointer = Address{thread.thread_pointer},
          .id = thread.tid,
          .is_asker = false};
}

}  // namespace

// From the stack pointer to the outer end of the stack that it is on, or as far as that is known to reach.
AddressRange SelfProcess::stack_of(const StandingThread& thread) const {
  const Address sp = thread.registers.sp();
  const query::InitialStack* const initial = initial_stack();
  if (initial != nullptr && raw(thread.thread_pointer) == root()->main_thread_pointer &&
      sp < initial->argc && initial->argc - sp < kUsualStackLimit) {
    return {sp, initial->argc};
  }
  if (const auto record = index::thread_with_stack_at(tables(), *root(), sp);
      record && record->thread_pointer == raw(thread.thread_pointer)) {
    return {sp, record->stack_high};
  }
  // A fiber, or an alternate stack: as far as the block, the object or the mapping goes that holds it.
  if (const auto block = index::find_block(tables(), *root(), sp);
      block && block->state == index::BlockState::known) {
    return {sp, block->base + block->size};
  }
  // An object's data segment reaches to the end of the object.
  if (const auto module = index::module_at(tables(), *root(), sp)) return {sp, module->end};
  if (const auto mapping = mapping_of(sp)) return {sp, mapping->range.end};
  // Where the kernel must not be asked: what is surely there.
  return {sp, Address{(raw(sp) | (kPageSize - 1)) + 1}};
}

// As far as it is in use, the red zone included. Found once in each stop.
AddressRange SelfProcess::stack_of_stopped(const StoppedThread& thread) const {
  if (thread.stack.begin != Address{}) return thread.stack;
  const runt::Registers registers = thread.registers();
  AddressRange stack = stack_of(standing(thread, registers));
  stack.begin = thread.lowest_in_use();
  if (may_ask_kernel()) {
    // A handler of this thread may come in between.
    thread.stack.end = stack.end;
    std::atomic_signal_fence(std::memory_order_release);
    thread.stack.begin = stack.begin;
  }
  return stack;
}

std::optional<runt::Registers> SelfProcess::registers_of_program() const {
  forget_rules_of_gone_modules();
  const runt::StackMemory memory(stack_of(asker()));
  ThreadWalk walk(memory, caller_, code_of_run_time(), may_ask_kernel());
  return walk.next() ? walk.registers_of_last() : std::nullopt;
}

bool SelfProcess::leads_to_start(const index::ThreadRecord& thread,
                                 const runt::Registers& here) const {
  forget_rules_of_gone_modules();
  const CheckedMemory memory;
  const KnownRules rules(may_ask_kernel());
  runt::CachedWalk<CheckedMemory, KnownRules> walk(memory, rules, g_rules, here);
  Address outermost{};
  // The walk itself takes no step downwards, but where a handler was called.
  while (const auto frame = walk.next()) {
    if (frame->sp <= outermost) return false;
    outermost = frame->sp;
  }
  if (walk.end() != Certainty::nothing_there) return false;
  if (thread.thread_pointer != root()->main_thread_pointer)
    return thread.first_stack_pointer != Address{} && outermost > thread.first_stack_pointer &&
           outermost < thread.stack_high;
  constexpr std::uint64_t kFrameOfStart = 64;
  const query::InitialStack* const initial = initial_stack();
  return initial != nullptr && outermost <= initial->argc &&
         initial->argc - outermost <= kFrameOfStart;
}

bool SelfProcess::stopped_run_on(AddressRange range) const {
  return have_stopped_others() && nearest_stopped([&](const StoppedThread& thread) {
                                    return range.contains(thread.sp());
                                  }) != nullptr;
}

Address SelfProcess::lowest_frame_in(AddressRange range) const {
  Address lowest = range.contains(caller_.sp()) ? caller_.sp() : range.end;
  if (!have_stopped_others()) return lowest;
  for_each_stopped_thread([&](const StoppedThread& thread) {
    if (range.contains(thread.sp()))
      lowest = std::min(lowest, std::max(range.begin, thread.lowest_in_use()));
    return true;
  });
  return lowest;
}

query::Answer SelfProcess::stack_at(Address at) const {
  const auto thread = index::thread_with_stack_at(tables(), *root(), at);
  if (!thread) return {};
  AddressRange range{thread->stack_low, thread->stack_high};
  // That of the first thread may grow as far as that, but did not yet; the table has it with argc.
  const query::InitialStack* const initial = initial_stack();
  if (initial != nullptr && range.contains(initial->argc)) {
    range.end = initial->argc;
    if (const auto mapping = mapping_of(range.end - 1))
      range.begin = std::max(range.begin, mapping->range.begin);
    if (!range.contains(at)) return {};
  }
  query::Answer answer = query::Answer::of(query::Allocator::stack, range, ALLOC_EV_THREAD_TABLE);
  answer.thread = static_cast<int>(thread->tid);
  const bool stands = thread->thread_pointer == raw(runt::self::thread_pointer()) ||
                      (have_stopped_others() && stopped_thread_of_id(answer.thread) != nullptr);
  answer.set_no_type(stands ? ALLOC_E_NO_TYPE : ALLOC_E_OTHER_THREAD);
  return answer;
}

// `answer` is the stack of a thread that runs on another one: in a signal handler, if that is no fiber; then the walk gets back to here.
// What is above `at` is mapped.
template <typename Ask>
query::Answer SelfProcess::ask_left_stack(const StandingThread& thread, AddressRange running,
                                          const query::Answer& answer, Address at,
                                          const Ask& ask) const {
  const auto mapping = mapping_of(at);
  if (!mapping) return {};
  const AddressRange ordinary{std::max(answer.range.begin, mapping->range.begin),
                              std::min(answer.range.end, mapping->range.end)};
  if (!ordinary.contains(at)) return {};
  if (!thread.is_asker) return ask(CheckedMemory{}, thread, ordinary);
  return ask(runt::StackMemory(running, ordinary), thread, ordinary);
}

template <typename Ask>
query::Answer SelfProcess::ask_stopped(Address at, const Ask& ask) const {
  const StoppedThread* const thread = nearest_stopped(
      [&](const StoppedThread& each) { return stack_of_stopped(each).contains(at); });
  if (thread == nullptr) return {};
  const runt::Registers registers = thread->registers();
  const StandingThread stopped = standing(*thread, registers);
  query::Answer answer =
      runs_where_it_says(*thread)
          ? ask(runt::StackMemory(stack_of_stopped(*thread)), stopped, query::kAnywhere)
          : ask(CheckedMemory{}, stopped, query::kAnywhere);
  if (answer.error == ALLOC_E_NO_UNWIND) answer.allocator = query::Allocator::stack;
  return answer;
}

template <typename Ask>
query::Answer SelfProcess::ask_stacks(Address at, const Ask& ask) const {
  const AddressRange stack = stack_of(asker());
  if (stack.contains(at)) {
    query::Answer answer = ask(runt::StackMemory(stack), asker(), query::kAnywhere);
    if (answer.error == ALLOC_E_NO_UNWIND) answer.allocator = query::Allocator::stack;
    return answer;
  }
  const bool have_stopped = have_stopped_others();
  if (have_stopped) {
    const query::Answer stopped = ask_stopped(at, ask);
    if (stopped.error != ALLOC_E_NOTHING_THERE) return stopped;
  }
  const query::Answer answer = stack_at(at);
  if (answer.error != ALLOC_OK || answer.type_error == ALLOC_E_OTHER_THREAD) return answer;
  const StoppedThread* const owner = have_stopped ? stopped_thread_of_id(answer.thread) : nullptr;
  const runt::Registers registers = owner != nullptr ? owner->registers() : runt::Registers{};
  const query::Answer frame =
      owner != nullptr
          ? ask_left_stack(standing(*owner, registers), stack_of_stopped(*owner), answer, at, ask)
          : ask_left_stack(asker(), stack, answer, at, ask);
  return frame.error == ALLOC_OK ? frame : answer;
}

query::Answer SelfProcess::query_stacks(Address at) const {
  return ask_stacks(at, [&](const auto& memory, const StandingThread& thread, AddressRange where) {
    return frame_at(*this, kept_, memory, thread, where, at);
  });
}

query::FrameView SelfProcess::look_into_frame(Address at, AddressRange only,
                                              query::FrameReach reach,
                                              const query::PlaceVisitor& visit) const {
  query::FrameView view;
  bool has_looked = false;
  const auto look = [&](const auto& memory, const StandingThread& thread, AddressRange where) {
    has_looked = true;
    const int id = thread.is_asker ? id_of_caller() : thread.id;
    if (auto* const kept = kept_search(kept_, memory, thread, where, knows_mappings())) {
      view = query::look_into_frame(*this, *kept, at, only, reach, id, visit);
    } else {
      constexpr std::uint64_t kWord = 8;
      if (only.size() == kWord && reach == query::FrameReach::one && where == query::kAnywhere) {
        if (const auto told = WordLook().look(*this, memory, thread, at, only, id, visit)) {
          view = *told;
          return query::Answer::of(query::Allocator::stackframe, view.range, ALLOC_EV_UNWIND);
        }
      }
      const KnownRules rules(knows_mappings());
      const runt::RegisterWalk walk(memory, rules, thread.registers);
      query::FrameSearch search(walk, thread.registers, passed_over_of(thread), where);
      view = query::look_into_frame(*this, search, at, only, reach, id, visit);
    }
    if (view.error != ALLOC_OK) return query::Answer::cannot_tell(view.error);
    return query::Answer::of(query::Allocator::stackframe, view.range, ALLOC_EV_UNWIND);
  };
  const query::Answer answer = ask_stacks(at, look);
  if (!has_looked) view.error = answer.error != ALLOC_OK ? answer.error : answer.type_error;
  return view;
}

}  // namespace allocs::self
