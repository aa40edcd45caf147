// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>

#include "base/memory.h"
#include "runtime/index/root.h"
#include "runtime/query/answer.h"
#include "runtime/query/object.h"
#include "types/instantiate.h"

namespace allocs::query {

// Where the kernel put the arguments, environment and auxiliary vector of the process.
struct InitialStack {
  Address argc{};       // one word
  Address arguments{};  // argv[0]; (argument_count + 1) pointers
  std::uint64_t argument_count = 0;
  Address environment{};  // (environment_count + 1) pointers
  std::uint64_t environment_count = 0;
  Address auxiliary{};  // auxiliary_count entries of 16 bytes, AT_NULL included
  std::uint64_t auxiliary_count = 0;
  Address strings{};  // up to `end`
  Address end{};      // of the stack mapping
};

// A mapping as the kernel, or a core file, lists it.
struct MappingView {
  AddressRange range{};
  const char* name = "";                // file, "[heap]", "[stack]"; empty for an anonymous one
  std::uint64_t device = 0, inode = 0;  // of the file
  bool is_accessible = true;
};

// Code in no loaded object, of which the program told what it is.
struct MadeCode {
  const char* function = nullptr;  // nullptr: not told
  const char* source = "";         // who told: "[jit]" (gdb's interface), "[perf map]"
  std::uint32_t evidence = 0;
};

// A thread, as far as its thread-locals and its stack are concerned.
struct ThreadView {
  int id = 0;                // of the kernel
  Address thread_pointer{};  // %fs:0
};

// How types are made: absent pieces mean "only what has been made already".
struct TypeMaker {
  types::Interner* interner = nullptr;
  types::ScratchMemory scratch{};
  bool may_make = false;
  bool are_wanted = true;  // false: the question is for bounds only

  uniqtype* type(const Object& object, types::TypeIndex index) const {
    if (index == types::kNoType || !object.image) return nullptr;
    if (may_make) return types::instantiate(*interner, *object.image, object.slots, scratch, index);
    return types::instantiated(object.slots, index);
  }
};

// What the query engine needs of the process that it is asked about: this one, another one, a core.
//
// tables()            the run time's own tables; in-process they need no check
// host()              everything else that the process can read
// blocks()            what lies in blocks of malloc, which may go at any moment; knows_virtual_tables(): whether it may tell a
//                     class; may_look_into_blocks(): whether it may be read now; may_look_if_waiting(): whether it could be, were it allowed to wait
// root()              of the run time; nullptr if the process does not run under it
// types()             where uniqtypes come from
// find_object(a)      the loaded object whose range contains a, with its metadata as far as that may be had now; or nullptr
// may_be_object(a)    whether the loader has an object there that find_object() cannot give now
// find_instance(n)    the object of that module instance, loaded or retired; or nullptr
// for_each_object(f)  f(const Object&) for each loaded object, perhaps without those that have no thread-locals, without metadata and is_loader, until f returns false
// for_each_thread(f)  f(const ThreadView&) for each known thread, until f returns false
// stack_at(a)         the stack that is known to contain `a`, of a thread or the first one's as it has grown; or nothing there
// query_stacks(a)     the answer if `a` lies in a known thread's stack
// look_into_frame(a, r, n, v) the frame of a standing thread that contains `a`, or its callers too, with a visit for each place of it (frame_scan.h)
// runs_on(r)          whether the asker, or from outside a thread, has its stack pointer in the range: a fiber, a stack that the program
//                     gave to a thread, an alternate one
// may_hold_frames(r)  the same, and of threads that the asker has stopped
// finds_new_objects() whether looking now finds loaded objects that it did not know
// initial_stack()     or nullptr when it is not known
// site_facts(id)      what metadata says of an allocation site; frame_facts(f): of the function that a frame is of
// mapping_of(a)       the mapping that contains a; asks the kernel, so it is empty when that is not allowed
// type_of_mapping(m)  the type that the program has stated for it, or nullptr
// knows_mappings()    whether an empty mapping_of() means that there is none
// ld_so_pool(m)       the pages of that mapping from which the dynamic linker's own malloc certainly gave (LoaderPool), or none
// nested_at(n, a)     the allocation of a registered allocator directly in `n` that contains `a`; nested_from(n, a): the first one that
//                     starts at or above `a`; or nothing there
// made_code_at(a)     what the program told of code at `a` that it made at run time
// query_own(a)        the answer if `a` is memory of the run time itself
template <typename P>
concept Process = requires(const P& process, Address a, std::uint32_t instance) {
  requires Memory<std::remove_cvref_t<decltype(process.tables())>>;
  requires Memory<std::remove_cvref_t<decltype(process.host())>>;
  requires Memory<std::remove_cvref_t<decltype(process.blocks())>>;
  { process.knows_virtual_tables() } -> std::same_as<bool>;
  { process.may_look_into_blocks() } -> std::same_as<bool>;
  { process.may_look_if_waiting() } -> std::same_as<bool>;
  { process.root() } -> std::same_as<const index::Root*>;
  { process.types() } -> std::convertible_to<const TypeMaker&>;
  { process.find_object(a) } -> std::same_as<const Object*>;
  { process.may_be_object(a) } -> std::same_as<bool>;
  { process.find_instance(instance) } -> std::same_as<const Object*>;
  { process.query_stacks(a) } -> std::same_as<Answer>;
  { process.stack_at(a) } -> std::same_as<Answer>;
  { process.runs_on(AddressRange{}) } -> std::same_as<bool>;
  { process.may_hold_frames(AddressRange{}) } -> std::same_as<bool>;
  { process.finds_new_objects() } -> std::same_as<bool>;
  { process.initial_stack() } -> std::same_as<const InitialStack*>;
  { process.mapping_of(a) } -> std::same_as<std::optional<MappingView>>;
  { process.type_of_mapping(MappingView{}) } -> std::same_as<uniqtype*>;
  { process.knows_mappings() } -> std::same_as<bool>;
  { process.nested_at(Answer{}, a) } -> std::same_as<Answer>;
  { process.made_code_at(a) } -> std::same_as<std::optional<MadeCode>>;
  { process.query_own(a) } -> std::same_as<Answer>;
};

}  // namespace allocs::query
