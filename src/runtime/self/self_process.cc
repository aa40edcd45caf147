// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/self_process.h"

#include "runtime/allocators/module_frames.h"
#include "runtime/allocators/module_recorder.h"
#include "runtime/index/find_block.h"
#include "runtime/query/initial_stack.h"
#include "runtime/query/loader_pool.h"
#include "runtime/self/fact_caches.h"
#include "runtime/self/known_objects.h"
#include "runtime/self/loader.h"
#include "runtime/self/made_code.h"
#include "runtime/self/memory.h"
#include "runtime/self/stated_types.h"
#include "runtime/self/wrapper_sites.h"

namespace allocs::self {

namespace {

constinit types::Interner g_interner;
constinit Loader g_loader;
constinit runt::RuleCache g_rules;
constinit std::atomic<std::uint64_t> g_rules_hold_for{0};
constinit FrameFactsCache g_frame_facts;
constinit query::InitialStack g_initial_stack;
constinit bool g_has_initial_stack = false;

// The first thread's stack is as large as it has grown; frames further than this from its start are on another stack.
constexpr std::uint64_t kUsualStackLimit = 8u << 20;
constexpr std::uint64_t kPageSize = 4096;

// The rules of loaded objects, and, where the kernel may be asked, those of code that the program made: these are not kept.
class CallerRules {
 public:
  explicit CallerRules(bool may_ask_kernel) : may_ask_kernel_(may_ask_kernel) {}

  std::optional<elf::UnwindRule> rule_of(Address pc) const {
    const auto section = allocators::KnownEhFrames{}.eh_frame_of(pc);
    last_is_lasting_ = section.has_value();
    if (section) return elf::find_unwind_rule(TrustedMemory{}, *section, pc);
    if (!may_ask_kernel_ || index::module_at(TrustedMemory{}, allocators::g_root, pc))
      return std::nullopt;
    return rule_of_made_code(pc);
  }
  bool last_is_lasting() const { return last_is_lasting_; }

 private:
  bool may_ask_kernel_;
  mutable bool last_is_lasting_ = true;
};

// Frames of the thread that asks, without those of this library.
class CallerWalk {
 public:
  CallerWalk(const runt::StackMemory& stack, const runt::Registers& start, AddressRange own_code,
             bool may_ask_kernel)
      : rules_(may_ask_kernel), walk_(stack, rules_, g_rules, start), own_code_(own_code) {}

  std::optional<runt::Frame> next() {
    for (;;) {
      auto frame = walk_.next();
      if (!frame || !own_code_.contains(frame->pc)) return frame;
    }
  }
  void pass_below(Address at, std::size_t most) { walk_.pass_below(at, most); }
  std::optional<runt::Registers> registers_of_last() const { return walk_.registers_of_last(); }
  Address lookup_pc() const { return walk_.lookup_pc(); }
  const runt::StackMemory& memory() const { return walk_.memory(); }

 private:
  CallerRules rules_;
  runt::CachedWalk<runt::StackMemory, CallerRules> walk_;
  AddressRange own_code_;
};

// Cached unwind rules hold as long as the set of loaded objects does. Only one thread empties the cache for a change.
void forget_rules_of_gone_modules() {
  const std::uint64_t now = object_generation();
  std::uint64_t seen = g_rules_hold_for.load(std::memory_order_acquire);
  if (seen != now &&
      g_rules_hold_for.compare_exchange_strong(seen, now, std::memory_order_acq_rel)) {
    g_rules.next_generation();
  }
}

void read_initial_stack() {
  const Address argc = allocators::g_root.initial_stack;
  const TrustedMemory memory;
  const auto vectors = argc == Address{} ? std::nullopt : runt::read_stack_vectors(memory, argc);
  if (!vectors) return;
  g_initial_stack = query::initial_stack_of(memory, argc, *vectors);
  g_has_initial_stack = true;
}

}  // namespace

types::Interner& interner() { return g_interner; }

void open(const char* const* environment) {
  g_interner.open(type_memory());
  g_loader.open(environment);
  open_wrapper_sites(g_loader.places());
  read_initial_stack();
}

SelfProcess::SelfProcess(Mode mode, const runt::Registers& caller, bool wants_types)
    : mode_(mode),
      caller_(caller),
      types_{.interner = &g_interner,
             .scratch = scratch_memory(),
             .may_make = mode == Mode::wait,
             .are_wanted = wants_types} {}

const query::Object* SelfProcess::find_object(Address at) const {
  if (const query::Object* known = g_known_objects.find(at);
      known != nullptr && !known->image->is_damaged())
    return known;
  const std::uint64_t generation = object_generation();
  std::uint32_t instance = index::module_instance_at(tables(), *root(), at);
  bool is_true = allocators::table_is_true_at(at, instance);
  if (!is_true && may_wait() && allocators::refresh_modules_at(at) != allocators::Refreshed::no) {
    instance = index::module_instance_at(tables(), *root(), at);
    is_true = allocators::table_is_true_at(at, instance);
  }
  if (instance == 0 || !is_true) return nullptr;
  const query::Object* object = find_instance(instance);
  // It may have come back at another address meanwhile.
  if (object != nullptr && !object->range.contains(at)) return nullptr;
  if (may_wait() && object != nullptr && object->image) g_known_objects.put(at, object, generation);
  return object;
}

const query::Object* SelfProcess::find_instance(std::uint32_t instance) const {
  if (const query::Object* object = g_loader.object(instance, may_wait())) return object;
  const auto module = index::module_record_of(tables(), *root(), instance);
  if (!module) return nullptr;
  return &scratch_object_.emplace(bare_object(*module));
}

namespace {

// Was no image found damaged since `damages` were counted?
bool is_untainted(std::uint32_t damages) {
  return g_damages.load(std::memory_order_acquire) == damages;
}

}  // namespace

query::SiteFacts SelfProcess::site_facts(std::uint32_t id) const {
  const auto where = index::site_record_of(tables(), *root(), id);
  if (!where) return {};
  if (const query::SiteFacts* known = g_site_facts.find(id)) {
    query::SiteFacts facts = *known;
    facts.return_address = where->return_address;  // the module may have moved since
    return facts;
  }
  const std::uint32_t damages = g_damages.load(std::memory_order_acquire);
  const query::SiteFacts facts = query::read_site_facts(*this, *where);
  if (facts.is_final && may_wait() && is_untainted(damages)) g_site_facts.put(id, facts);
  return facts;
}

query::FrameFacts SelfProcess::frame_facts(const runt::Frame& frame) const {
  constexpr std::uint64_t kAnyDepth = ~std::uint64_t{0};
  const std::uint64_t pc = raw(frame.lookup_pc());
  const std::uint64_t depth = frame.has_fixed_size ? frame.cfa - frame.sp : kAnyDepth;
  const std::uint64_t generation = object_generation();
  if (const auto* known = g_frame_facts.find(pc, depth, generation, nullptr)) return known->facts;
  const std::uint32_t damages = g_damages.load(std::memory_order_acquire);
  const query::FrameFacts facts = query::read_frame_facts(*this, frame);
  const bool is_final =
      facts.function != nullptr && facts.type != nullptr && !facts.layout.depends_on_registers;
  if (is_final && may_wait() && is_untainted(damages))
    g_frame_facts.put(pc, depth, generation, facts);
  return facts;
}

const query::InitialStack* SelfProcess::initial_stack() const {
  return g_has_initial_stack ? &g_initial_stack : nullptr;
}

int SelfProcess::id_of_caller() const {
  const std::uint64_t own = raw(runt::self::thread_pointer());
  int id = 0;
  index::for_each_thread(tables(), *root(), [&](const index::ThreadRecord& thread) {
    if (thread.thread_pointer == own) id = static_cast<int>(thread.tid);
    return id == 0;
  });
  return id;
}

// From the caller's stack pointer to the outer end of the stack that it is on, or as far as that is known to reach.
AddressRange SelfProcess::stack_of_caller() const {
  const Address sp = caller_.sp();
  const Address thread = runt::self::thread_pointer();
  if (g_has_initial_stack && raw(thread) == root()->main_thread_pointer &&
      sp < g_initial_stack.argc && g_initial_stack.argc - sp < kUsualStackLimit) {
    return {sp, g_initial_stack.argc};
  }
  if (const auto record = index::thread_with_stack_at(tables(), *root(), sp);
      record && record->thread_pointer == raw(thread)) {
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

namespace {

AddressRange code_of_run_time() {
  const auto own = index::module_at(TrustedMemory{}, allocators::g_root,
                                    address_of(reinterpret_cast<const void*>(&g_rules)));
  return own ? AddressRange{own->begin, own->end} : AddressRange{};
}

}  // namespace

query::Answer SelfProcess::query_own_frames(const runt::StackMemory& memory, AddressRange where,
                                            Address at) const {
  forget_rules_of_gone_modules();
  CallerWalk walk(memory, caller_, code_of_run_time(), may_ask_kernel());
  query::Answer answer = query::query_frames(*this, walk, at, where);
  if (answer.error == ALLOC_OK) answer.thread = id_of_caller();
  return answer;
}

std::optional<runt::Registers> SelfProcess::registers_of_program() const {
  forget_rules_of_gone_modules();
  const runt::StackMemory memory(stack_of_caller());
  CallerWalk walk(memory, caller_, code_of_run_time(), may_ask_kernel());
  return walk.next() ? walk.registers_of_last() : std::nullopt;
}

bool SelfProcess::leads_to_start(const index::ThreadRecord& thread,
                                 const runt::Registers& here) const {
  forget_rules_of_gone_modules();
  const CheckedMemory memory;
  const CallerRules rules(may_ask_kernel());
  runt::CachedWalk<CheckedMemory, CallerRules> walk(memory, rules, g_rules, here);
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
  return g_has_initial_stack && outermost <= g_initial_stack.argc &&
         g_initial_stack.argc - outermost <= kFrameOfStart;
}

query::Answer SelfProcess::stack_at(Address at) const {
  const auto thread = index::thread_with_stack_at(tables(), *root(), at);
  if (!thread) return {};
  AddressRange range{thread->stack_low, thread->stack_high};
  // That of the first thread may grow as far as that, but did not yet; the table has it with argc.
  if (g_has_initial_stack && range.contains(g_initial_stack.argc)) {
    range.end = g_initial_stack.argc;
    if (const auto mapping = mapping_of(range.end - 1))
      range.begin = std::max(range.begin, mapping->range.begin);
    if (!range.contains(at)) return {};
  }
  query::Answer answer = query::Answer::of(query::Allocator::stack, range, ALLOC_EV_THREAD_TABLE);
  answer.thread = static_cast<int>(thread->tid);
  const bool is_own = thread->thread_pointer == raw(runt::self::thread_pointer());
  answer.set_no_type(is_own ? ALLOC_E_NO_TYPE : ALLOC_E_OTHER_THREAD);
  return answer;
}

query::Answer SelfProcess::query_stacks(Address at) const {
  const AddressRange stack = stack_of_caller();
  if (stack.contains(at)) {
    query::Answer answer = query_own_frames(runt::StackMemory(stack), query::kAnywhere, at);
    if (answer.error == ALLOC_E_NO_UNWIND) answer.allocator = query::Allocator::stack;
    return answer;
  }
  const query::Answer answer = stack_at(at);
  if (answer.error == ALLOC_OK && answer.type_error != ALLOC_E_OTHER_THREAD) {
    // A signal handler on an alternate stack, if it is no fiber: the walk gets back to here. What is above `at` is mapped.
    const AddressRange all = answer.range;
    const auto mapping = mapping_of(at);
    const AddressRange ordinary = mapping ? AddressRange{std::max(all.begin, mapping->range.begin),
                                                         std::min(all.end, mapping->range.end)}
                                          : AddressRange{};
    if (ordinary.contains(at)) {
      query::Answer frame = query_own_frames(runt::StackMemory(stack, ordinary), ordinary, at);
      if (frame.error == ALLOC_OK) return frame;
    }
  }
  return answer;
}

std::optional<query::MadeCode> SelfProcess::made_code_at(Address at) const {
  if (!may_ask_kernel() || index::module_at(tables(), *root(), at)) return std::nullopt;
  return self::made_code_at(at);
}

query::Answer SelfProcess::query_own(Address at) const {
  const auto range = index::own_range_at(tables(), *root(), at);
  if (!range) return {};
  return query::Answer::of(query::Allocator::own, *range, ALLOC_EV_HEAP_INDEX);
}

namespace {

query::MappingView view_of(const runt::Mapping& mapping) {
  return {.range = mapping.range,
          .name = keep_text(mapping.name),
          .device = std::uint64_t{mapping.device_major} << 32 | mapping.device_minor,
          .inode = mapping.inode};
}

}  // namespace

uniqtype* SelfProcess::type_of_mapping(const query::MappingView& mapping) const {
  return stated_type_of({mapping.range.begin, mapping.device, mapping.inode});
}

std::optional<query::MappingView> SelfProcess::mapping_of(Address at) const {
  if (!may_ask_kernel()) return std::nullopt;
  const runt::MappingAnswer answer = runt::self::mapping_of(at);
  if (answer.certainty != Certainty::known) return std::nullopt;
  return view_of(answer.mapping);
}

std::optional<query::MappingView> SelfProcess::mapping_from(Address at) const {
  runt::MappingTable table;
  if (!may_ask_kernel() || table.open(0) != 0) return std::nullopt;
  const runt::MappingAnswer answer = table.mapping_at_or_above(at);
  if (answer.certainty != Certainty::known) return std::nullopt;
  return view_of(answer.mapping);
}

AddressRange SelfProcess::ld_so_pool(const query::MappingView& mapping) const {
  query::LoaderPool pool(mapping.range);
  if (mapping.name[0] != '\0') return pool.range();
  index::for_each_module(tables(), *root(), [&](const index::ModuleRecord& module) {
    // Of what is opened later the link map is a block of malloc.
    if (mapping.range.contains(module.link_map) &&
        !index::find_block(tables(), *root(), module.link_map))
      pool.add_link_map(module.link_map);
    return true;
  });
  return pool.range();
}

}  // namespace allocs::self
