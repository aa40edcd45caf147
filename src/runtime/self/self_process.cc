// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/self_process.h"

#include "base/every_process.h"
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
#include "runtime/self/object_file.h"
#include "runtime/self/stated_types.h"
#include "runtime/self/wrapper_sites.h"

namespace allocs::self {

namespace {

ALLOCS_APART constinit types::Interner g_interner;
ALLOCS_APART constinit Loader g_loader;
ALLOCS_APART constinit FrameFactsCache g_frame_facts;
constinit query::InitialStack g_initial_stack;
constinit bool g_has_initial_stack = false;

void read_initial_stack() {
  const Address argc = allocators::g_root.initial_stack;
  const TrustedMemory memory;
  const auto vectors = argc == Address{} ? std::nullopt : runt::read_stack_vectors(memory, argc);
  if (!vectors) return;
  g_initial_stack = query::initial_stack_of(memory, argc, *vectors);
  keep_path_of_start(runt::read_auxiliary_vector(memory, vectors->auxv).executable_name,
                     *reinterpret_cast<const char* const*>(raw(vectors->argv)));
  g_has_initial_stack = true;
}

}  // namespace

types::Interner& interner() {
  if (!g_interner.is_open()) g_interner.open(type_memory());
  return g_interner;
}

[[ALLOCS_ONCE]] void open(const char* const* environment) {
  g_places.set_program([](const void*) { return find_program_path(); }, nullptr);
  g_places.read_environment(environment, allocate);
  reconsider_early_sites();
  read_initial_stack();
}

SelfProcess::SelfProcess(Mode mode, const runt::Registers& caller, bool wants_types)
    : mode_(mode),
      caller_(caller),
      types_{.interner = &interner(),
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
  if (answer.certainty == Certainty::cannot_tell) was_refused_ = true;
  if (answer.certainty != Certainty::known) return std::nullopt;
  return view_of(answer.mapping);
}

std::optional<query::MappingView> SelfProcess::mapping_from(Address at) const {
  if (!may_ask_kernel()) return std::nullopt;
  runt::MappingTable table;
  table.open(0);
  const runt::MappingAnswer answer =
      table.mapping_at_or_above(at);  // "cannot tell" if it is not open
  if (answer.certainty == Certainty::cannot_tell) was_refused_ = true;
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
