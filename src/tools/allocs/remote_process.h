// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "elf/notes.h"
#include "runt/mapping.h"
#include "runt/remote/object_table.h"
#include "runt/remote/thread_state.h"
#include "runt/start_of_stack.h"
#include "runtime/index/find_block.h"
#include "runtime/index/tables.h"
#include "runtime/query/container_rules.h"
#include "runtime/query/frame_scan.h"
#include "runtime/query/heap_query.h"
#include "runtime/query/initial_stack.h"
#include "runtime/query/loader_pool.h"
#include "runtime/query/process.h"
#include "runtime/query/stack_query.h"
#include "tools/allocs/c_library.h"
#include "tools/allocs/image_provider.h"
#include "tools/allocs/remote_made_code.h"
#include "tools/allocs/root_finder.h"

namespace allocs::tool {

// Zero-filled type memory of this tool: never given back.
types::TypeMemory tool_type_memory();
types::ScratchMemory tool_scratch_memory();

// Another process, or a core, as a query sees it: query::Process. All threads' registers are known, so every stack can be walked.
// `M` is its memory; must outlive this, as must `images`.
template <Memory M>
class RemoteProcess {
 public:
  struct Facts {
    runt::AuxiliaryVector auxiliary;
    Address start_of_stack{};  // 0: not known
    std::vector<runt::Mapping> mappings;
    std::vector<runt::remote::ThreadState> threads;
    std::string executable;  // a path that can be opened; empty: as the mappings have it
    int pid = 0;             // of a live process; 0: a core
  };

  RemoteProcess(const M& memory, Facts facts, ImageProvider& images)
      : memory_(memory),
        facts_(std::move(facts)),
        images_(images),
        loaded_(runt::remote::read_objects(memory, facts_.auxiliary)),
        root_(find_root(memory, loaded_)),
        c_library_(memory, loaded_),
        made_code_(memory, loaded_, facts_.pid,
                   [this](const auto& object) { return path_of(object); }) {
    interner_->open(tool_type_memory());
    types_ = {.interner = interner_.get(), .scratch = tool_scratch_memory(), .may_make = true};
    for (const auto& object : loaded_.all()) add_object(object);
    read_initial_stack();
  }

  RemoteProcess(const RemoteProcess&) = delete;
  RemoteProcess& operator=(const RemoteProcess&) = delete;

  const M& tables() const { return memory_; }
  const M& host() const { return memory_; }
  const M& blocks() const { return memory_; }
  bool knows_virtual_tables() const { return true; }
  bool may_look_into_blocks() const { return true; }
  bool may_look_if_waiting() const { return true; }
  const index::Root* root() const { return root_.get(); }
  const query::TypeMaker& types() const { return types_; }

  const query::Object* find_object(Address at) const {
    for (Entry& entry : objects_) {
      if (entry.object.range.contains(at)) return with_metadata(entry);
    }
    return nullptr;
  }

  bool may_be_object(Address) const { return false; }

  const query::Object* find_instance(std::uint32_t instance) const {
    if (root_ == nullptr || instance == 0) return nullptr;
    if (const auto known = retired_.find(instance); known != retired_.end())
      return &known->second->object;
    const auto module = index::module_record_of(memory_, *root_, instance);
    if (!module) return nullptr;
    for (Entry& entry : objects_) {
      if (entry.object.range.begin == module->begin && is_same_build(entry, *module))
        return with_metadata(entry);
    }
    return retired_object(instance, *module);
  }

  template <typename Visit>
  void for_each_object(Visit&& visit) const {
    for (const Entry& entry : objects_) {
      if (!visit(entry.object)) return;
    }
  }

  // Calls visit(const query::Object&, rules) for each loaded object whose image has rules for containers of that type, until it returns false.
  template <typename Visit>
  void for_each_description(const uniqtype& type, Visit&& visit) const {
    for (Entry& entry : objects_) {
      const query::Object& object = *with_metadata(entry);
      if (!object.image) continue;
      const query::ContainerRules rules = query::rules_in(object, type);
      if (!rules.empty() && !visit(object, rules)) return;
    }
  }

  template <typename Visit>
  void for_each_thread(Visit&& visit) const {
    for (const auto& thread : facts_.threads) {
      if (raw(thread.thread_pointer) == 0) continue;
      if (!visit(query::ThreadView{.id = thread.id, .thread_pointer = thread.thread_pointer},
                 memory_))
        return;
    }
  }

  query::SiteFacts site_facts(std::uint32_t id) const {
    const auto where = index::site_record_of(memory_, *root_, id);
    return where ? query::read_site_facts(*this, *where) : query::SiteFacts{};
  }
  query::FrameFacts frame_facts(const runt::Frame& frame) const {
    const std::pair where{raw(frame.lookup_pc()), frame.has_fixed_size ? frame.cfa - frame.sp : 0};
    if (const auto known = frame_facts_.find(where); known != frame_facts_.end())
      return known->second;
    const query::FrameFacts facts = query::read_frame_facts(*this, frame);
    if (!facts.layout.depends_on_registers) frame_facts_.emplace(where, facts);
    return facts;
  }

  query::Answer stack_at(Address at) const;
  query::Answer query_stacks(Address at) const;
  query::FrameView look_into_frame(Address at, AddressRange only, query::FrameReach reach,
                                   const query::PlaceVisitor& visit) const;
  // Calls visit(walk) with a walk over the frames of the thread that has not begun.
  template <typename Visit>
  void walk_frames(const runt::remote::ThreadState& thread, Visit&& visit) const {
    visit(Walk(memory_, rules_, thread.registers));
  }
  bool finds_new_objects() const { return false; }
  bool runs_on(AddressRange range) const {
    const auto is_there = [&](const auto& thread) { return range.contains(thread.registers.sp()); };
    return std::any_of(facts_.threads.begin(), facts_.threads.end(), is_there);
  }
  bool may_hold_frames(AddressRange range) const { return runs_on(range); }
  std::optional<query::MadeCode> made_code_at(Address at) const {
    return loaded_.find(at) == nullptr ? made_code_.at(at) : std::nullopt;
  }
  const query::InitialStack* initial_stack() const {
    return initial_stack_ ? &*initial_stack_ : nullptr;
  }

  std::optional<query::MappingView> mapping_of(Address at) const {
    for (const runt::Mapping& mapping : facts_.mappings) {
      if (!mapping.range.contains(at)) continue;
      const bool is_brk = mapping.name[0] == '\0' && c_library_.is_brk(mapping.range);
      return query::MappingView{.range = mapping.range, .name = is_brk ? "[heap]" : mapping.name};
    }
    return std::nullopt;
  }
  uniqtype* type_of_mapping(const query::MappingView&) const { return nullptr; }
  bool knows_mappings() const { return !facts_.mappings.empty(); }
  const std::vector<runt::Mapping>& mappings() const { return facts_.mappings; }
  const std::vector<runt::remote::ThreadState>& threads() const { return facts_.threads; }

  AddressRange ld_so_pool(const query::MappingView& mapping) const {
    query::LoaderPool pool(mapping.range);
    if (mapping.name[0] != '\0') return pool.range();
    if (root_ == nullptr) {
      // Malloc makes the link maps of what is opened later; that of the C library was made before there was a malloc.
      pool.add_link_map(c_library_.link_map());
      return pool.range();
    }
    for (const auto& object : loaded_.all()) {
      if (!index::find_block(memory_, *root_, object.link_map)) pool.add_link_map(object.link_map);
    }
    return pool.range();
  }

  // Only the process itself can call its allocators.
  query::Answer nested_at(const query::Answer&, Address) const { return {}; }

  query::Answer query_own(Address at) const {
    const auto range = root_ == nullptr ? std::nullopt : index::own_range_at(memory_, *root_, at);
    if (!range) return {};
    return query::Answer::of(query::Allocator::own, *range, ALLOC_EV_HEAP_INDEX);
  }

 private:
  struct Entry {
    query::Object object;
    std::string path;
    elf::BuildId build_id;
  };

  void add_object(const runt::remote::LoadedObject& loaded);
  const query::Object* with_metadata(Entry& entry) const;
  const query::Object* retired_object(std::uint32_t instance,
                                      const index::ModuleRecord& module) const;
  void read_initial_stack();
  // ask(thread, range of what is wanted of its frames) of whichever thread has `at` on its stack.
  template <typename Ask>
  query::Answer ask_stacks(Address at, const Ask& ask) const;
  template <typename Ask>
  query::Answer ask_left_stack(const query::MappingView& mapping, Address at, const Ask& ask) const;

  std::string path_of(const runt::remote::LoadedObject& object) const {
    for (const Entry& entry : objects_) {
      if (entry.object.range.begin == object.module.range.begin) return entry.path;
    }
    return {};
  }

  static bool is_same_build(const Entry& entry, const index::ModuleRecord& module) {
    return entry.build_id.size == module.build_id_size &&
           std::equal(entry.build_id.bytes, entry.build_id.bytes + entry.build_id.size,
                      module.build_id.begin());
  }

  using Walk = runt::RegisterWalk<M, RemoteRules<M>>;
  using Search = query::FrameSearch<Walk>;
  // Nothing runs, so that a walk may go on for the next question.
  struct KeptSearch {
    AddressRange where;
    Search search;
  };
  Search& search_of(const runt::remote::ThreadState& thread, AddressRange where) const {
    const auto kept = searches_.find(thread.id);
    if (kept != searches_.end() && kept->second.where == where) return kept->second.search;
    const Search search(Walk(memory_, rules_, thread.registers), thread.registers, {}, where);
    return searches_.insert_or_assign(thread.id, KeptSearch{where, search}).first->second.search;
  }

  const M& memory_;
  Facts facts_;
  ImageProvider& images_;
  runt::remote::ObjectTable loaded_;
  std::unique_ptr<index::Root> root_;
  CLibrary c_library_;
  RemoteMadeCode<M> made_code_;
  RemoteRules<M> rules_{memory_, loaded_, made_code_};
  mutable std::map<int, KeptSearch> searches_;  // by the thread's id
  // By pc and size; 0 for a frame of no fixed size.
  mutable std::map<std::pair<std::uint64_t, std::uint64_t>, query::FrameFacts> frame_facts_;
  std::unique_ptr<types::Interner> interner_ = std::make_unique<types::Interner>();
  query::TypeMaker types_;
  mutable std::deque<Entry> objects_;
  mutable std::map<std::uint32_t, std::unique_ptr<Entry>> retired_;
  mutable std::deque<std::vector<std::atomic<uniqtype*>>> slots_;
  std::optional<query::InitialStack> initial_stack_;
};

template <Memory M>
void RemoteProcess<M>::add_object(const runt::remote::LoadedObject& loaded) {
  Entry& entry = objects_.emplace_back();
  entry.path = loaded.name;
  entry.build_id = loaded.module.build_id;
  const bool is_executable = loaded.module.program_headers.at == facts_.auxiliary.program_headers;
  // The loader may have a relative path; the mapping has the whole one.
  if (const auto mapping = mapping_of(loaded.module.range.begin);
      mapping && mapping->name[0] == '/')
    entry.path = mapping->name;
  if (is_executable && !facts_.executable.empty()) entry.path = facts_.executable;
  entry.object.range = loaded.module.range;
  entry.object.bias = loaded.module.bias;
  entry.object.tls_size = loaded.module.tls_size;
  entry.object.is_loader = query::is_loader_path(entry.path);
  entry.object.path = entry.path.c_str();
  if (loaded.module.tls_size == 0) return;
  entry.object.tls_module = is_executable ? 1 : c_library_.tls_module_of(memory_, loaded);
  if (root_ == nullptr) return;
  index::for_each_module(memory_, *root_, [&](const index::ModuleRecord& module) {
    const bool is_it = module.begin == loaded.module.range.begin && is_same_build(entry, module);
    if (is_it && module.tls_module != 0) entry.object.tls_module = module.tls_module;
    return true;
  });
}

template <Memory M>
const query::Object* RemoteProcess<M>::with_metadata(Entry& entry) const {
  query::Object& object = entry.object;
  if (object.is_settled) return &object;
  object.is_settled = true;
  object.image_error = ALLOC_E_NO_METADATA;
  ProvidedImage provided =
      images_.image_of(entry.path, {entry.build_id.bytes, entry.build_id.size});
  if (provided.image) {
    object.image = provided.image;
    object.slots = slots_.emplace_back(provided.image->types().size());
    object.image_error = ALLOC_OK;
  }
  if (provided.file) object.file = elf::File(provided.file->bytes, provided.file->size);
  return &object;
}

// An object that has been unloaded: nothing lies at its addresses any more, but blocks that it allocated may be left.
template <Memory M>
const query::Object* RemoteProcess<M>::retired_object(std::uint32_t instance,
                                                      const index::ModuleRecord& module) const {
  auto& entry = retired_[instance] = std::make_unique<Entry>();
  entry->path = runt::remote::read_text(memory_, module.path);
  entry->build_id.size = static_cast<std::uint8_t>(
      std::min<std::size_t>(module.build_id_size, elf::BuildId::kMaxSize));
  std::copy_n(module.build_id.begin(), entry->build_id.size, entry->build_id.bytes);
  entry->object.bias = {module.bias};
  entry->object.path = entry->path.c_str();
  return with_metadata(*entry);
}

template <Memory M>
void RemoteProcess<M>::read_initial_stack() {
  Address argc = facts_.start_of_stack;
  if (raw(argc) == 0 && root_ != nullptr) argc = root_->initial_stack;
  if (raw(argc) == 0)
    argc = runt::find_start_of_stack(memory_, facts_.auxiliary).value_or(Address{0});
  if (raw(argc) == 0) return;
  if (const auto vectors = runt::read_stack_vectors(memory_, argc)) {
    initial_stack_ = query::initial_stack_of(memory_, argc, *vectors);
  }
}

// The thread on whose stack `at` lies is the one whose stack pointer is in the same mapping, at or nearest below it. If there is none, a
// thread may have left its stack for an alternate one.
template <Memory M>
template <typename Ask>
query::Answer RemoteProcess<M>::ask_stacks(Address at, const Ask& ask) const {
  const auto mapping = mapping_of(at);
  if (!mapping) return {};
  const runt::remote::ThreadState* nearest = nullptr;
  for (const auto& thread : facts_.threads) {
    const Address lowest = thread.registers.sp() - 128;
    if (!mapping->range.contains(thread.registers.sp()) || lowest > at) continue;
    if (nearest == nullptr || thread.registers.sp() > nearest->registers.sp()) nearest = &thread;
  }
  if (nearest == nullptr) return ask_left_stack(*mapping, at, ask);
  const query::Answer answer = ask(*nearest, query::kAnywhere);
  // The thread's control block and its thread-locals may lie beyond its outermost frame.
  if (answer.error == ALLOC_E_NO_UNWIND && at >= nearest->thread_pointer &&
      mapping->range.contains(nearest->thread_pointer))
    return {};
  return answer;
}

template <Memory M>
template <typename Ask>
query::Answer RemoteProcess<M>::ask_left_stack(const query::MappingView& mapping, Address at,
                                               const Ask& ask) const {
  const bool is_initial = std::string_view(mapping.name).starts_with("[stack");
  for (const auto& thread : facts_.threads) {
    // The control block of a thread lies at the end of its stack; that of the first does not.
    if (!is_initial && !mapping.range.contains(thread.thread_pointer)) continue;
    const query::Answer answer = ask(thread, mapping.range);
    if (answer.error == ALLOC_OK) return answer;
  }
  return stack_at(at);
}

template <Memory M>
query::Answer RemoteProcess<M>::query_stacks(Address at) const {
  return ask_stacks(at, [&](const runt::remote::ThreadState& thread, AddressRange where) {
    query::Answer answer = query::query_frames(*this, search_of(thread, where), at);
    if (answer.error == ALLOC_OK) answer.thread = thread.id;
    return answer;
  });
}

template <Memory M>
query::FrameView RemoteProcess<M>::look_into_frame(Address at, AddressRange only,
                                                   query::FrameReach reach,
                                                   const query::PlaceVisitor& visit) const {
  query::FrameView view;
  ask_stacks(at, [&](const runt::remote::ThreadState& thread, AddressRange where) {
    view =
        query::look_into_frame(*this, search_of(thread, where), at, only, reach, thread.id, visit);
    return view.error == ALLOC_OK
               ? query::Answer::of(query::Allocator::stackframe, view.range, ALLOC_EV_UNWIND)
               : query::Answer::cannot_tell(view.error);
  });
  return view;
}

template <Memory M>
query::Answer RemoteProcess<M>::stack_at(Address at) const {
  const auto thread =
      root_ == nullptr ? std::nullopt : index::thread_with_stack_at(memory_, *root_, at);
  const auto mapping = thread ? mapping_of(at) : std::nullopt;
  if (!mapping) return {};
  AddressRange range{thread->stack_low, thread->stack_high};
  // That of the first thread may grow further than it has; the table has it with argc.
  if (initial_stack_ && range.contains(initial_stack_->argc)) {
    range.end = initial_stack_->argc;
    range.begin = std::max(range.begin, mapping->range.begin);
    if (!range.contains(at)) return {};
  }
  query::Answer answer = query::Answer::of(query::Allocator::stack, range, ALLOC_EV_THREAD_TABLE);
  answer.thread = static_cast<int>(thread->tid);
  answer.set_no_type(ALLOC_E_NO_TYPE);
  return answer;
}

}  // namespace allocs::tool
