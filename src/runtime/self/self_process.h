// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/memory.h"
#include "runt/cached_walk.h"
#include "runt/registers.h"
#include "runt/self.h"
#include "runtime/allocators/module_recorder.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/allocators/state.h"
#include "runtime/index/tables.h"
#include "runtime/query/frame_place.h"
#include "runtime/query/heap_query.h"
#include "runtime/query/process.h"
#include "runtime/query/stack_query.h"
#include "runtime/self/bare_object.h"
#include "runtime/self/checked_memory.h"
#include "runtime/self/loader.h"

namespace allocs::self {

class KeptWalk;
struct StoppedThread;

// A thread whose registers are known: the one that asks, at its call, or one that it has stopped.
struct StandingThread {
  const runt::Registers& registers;
  Address thread_pointer;
  int id = 0;  // of the kernel; of the asker it is looked for when it is wanted
  bool is_asker = true;
};

// This very process, as a query sees it: query::Process. One is made for each query; it holds nothing but who asks, what is
// allowed, and, where many questions follow, the walk that is kept between them.
class SelfProcess {
 public:
  enum class Mode : std::uint8_t {
    wait,     // may load and make metadata, allocate, ask the kernel
    no_wait,  // async-signal-safe: only what is in memory already
  };

  // `caller`: the registers of the API function that was called, which stays on the stack during the query.
  SelfProcess(Mode mode, const runt::Registers& caller, bool wants_types = true);
  // For a call that asks about many places of stacks.
  SelfProcess(const SelfProcess& like, KeptWalk& kept) : SelfProcess(like) { kept_ = &kept; }
  SelfProcess(const SelfProcess&) = default;

  TrustedMemory tables() const { return {}; }
  TrustedMemory host() const { return {}; }  // asked only about the initial stack, which stays
  CheckedMemory blocks() const { return {}; }
  bool knows_virtual_tables() const { return has_virtual_tables(); }
  bool may_look_into_blocks() const { return may_ask_kernel(); }
  bool may_look_if_waiting() const { return !allocators::is_sandboxed(); }
  const index::Root* root() const { return &allocators::g_root; }
  const query::TypeMaker& types() const { return types_; }
  const query::Object* find_object(Address at) const;
  bool may_be_object(Address at) const {
    return may_wait() && !allocators::table_is_true_at(at, 0);
  }
  const query::Object* find_instance(std::uint32_t instance) const;
  const query::InitialStack* initial_stack() const;
  query::SiteFacts site_facts(std::uint32_t id) const;
  query::FrameFacts frame_facts(const runt::Frame& frame) const;
  query::Answer stack_at(Address at) const;
  query::Answer query_stacks(Address at) const;
  query::FrameView look_into_frame(Address at, AddressRange only, query::FrameReach reach,
                                   const query::PlaceVisitor& visit) const;
  bool runs_on(AddressRange range) const { return range.contains(caller_.sp()); }
  bool may_hold_frames(AddressRange range) const { return runs_on(range) || stopped_run_on(range); }
  // Has this thread stopped another that runs on it?
  bool stopped_run_on(AddressRange range) const;
  // From where on frames that can be told may lie in the range; its end if there are none.
  Address lowest_frame_in(AddressRange range) const;
  std::optional<query::MadeCode> made_code_at(Address at) const;
  query::Answer query_own(Address at) const;
  query::Answer nested_at(const query::Answer& parent, Address at) const;
  query::Answer nested_from(const query::Answer& parent, Address from) const;
  bool finds_new_objects() const {
    return may_wait() && allocators::refresh_modules() == allocators::Refreshed::changed;
  }
  std::optional<query::MappingView> mapping_of(Address at) const;
  // The one that contains `at`, or else the first one above it.
  std::optional<query::MappingView> mapping_from(Address at) const;
  // Of the function of the program that asks, at its call: what can be known. Walks the run time's own frames.
  std::optional<runt::Registers> registers_of_program() const;
  // Do calls lead from `here`, up the stack, to where that thread began? Then the stack is in use from there on, and no further down. If not, or if it cannot be told, the
  // thread may run on a stack that lies within its own: a fibre's, or a signal handler's. Every thread but the asker stands still.
  bool leads_to_start(const index::ThreadRecord& thread, const runt::Registers& here) const;
  bool leads_to_start(const index::ThreadRecord& thread) const {
    return leads_to_start(thread, caller_);
  }
  bool may_wait() const { return mode_ == Mode::wait; }
  Address stack_pointer() const { return caller_.sp(); }  // of the asker
  int id_of_caller() const;  // from the thread table; 0 if it is not in it
  uniqtype* type_of_mapping(const query::MappingView& mapping) const;
  bool knows_mappings() const { return may_ask_kernel() && !was_refused_; }
  AddressRange ld_so_pool(const query::MappingView& mapping) const;

  template <typename Visit>
  void for_each_object(Visit&& visit) const {
    if (may_ask_kernel()) find_program_path();
    index::for_each_module(tables(), *root(), [&](const index::ModuleRecord& module) {
      if (module.state != index::ModuleState::loaded || module.tls_module == 0) return true;
      return visit(nameless_object(module));
    });
  }
  // The asking thread first: its memory needs no check. Others may be gone: their memory is read through the kernel.
  template <typename Visit>
  void for_each_thread(Visit&& visit) const;

 private:
  bool may_ask_kernel() const { return may_wait() && !allocators::is_sandboxed(); }
  StandingThread asker() const {
    return {.registers = caller_, .thread_pointer = runt::self::thread_pointer()};
  }
  AddressRange stack_of(const StandingThread& thread) const;
  AddressRange stack_of_stopped(const StoppedThread& thread) const;
  // The frames of whichever standing thread has `at` on its stack: `ask` gets its memory, registers, and the range of what is wanted of its frames.
  template <typename Ask>
  query::Answer ask_stacks(Address at, const Ask& ask) const;
  template <typename Ask>
  query::Answer ask_stopped(Address at, const Ask& ask) const;
  template <typename Ask>
  query::Answer ask_left_stack(const StandingThread& thread, AddressRange running,
                               const query::Answer& answer, Address at, const Ask& ask) const;

  Mode mode_;
  const runt::Registers& caller_;
  query::TypeMaker types_;
  mutable std::optional<query::Object>
      scratch_object_;  // for want of memory that outlives the query
  KeptWalk* kept_ = nullptr;
  mutable bool was_refused_ =
      false;  // the kernel did not tell a mapping: no descriptor is left, or there is no /proc
};

template <typename Visit>
void SelfProcess::for_each_thread(Visit&& visit) const {
  const Address own = runt::self::thread_pointer();
  if (!visit(query::ThreadView{.id = id_of_caller(), .thread_pointer = own}, tables())) return;
  if (!may_ask_kernel()) return;
  const CheckedMemory checked;
  index::for_each_thread(tables(), *root(), [&](const index::ThreadRecord& thread) {
    if (thread.thread_pointer == raw(own) || thread.thread_pointer == 0) return true;
    return static_cast<bool>(
        visit(query::ThreadView{.id = static_cast<int>(thread.tid),
                                .thread_pointer = Address{thread.thread_pointer}},
              checked));
  });
}

// Opens the query side: before that every answer is "nothing". `environment`: NULL-terminated. Context: init.
void open(const char* const* environment);

// The types of this process.
types::Interner& interner();

}  // namespace allocs::self
