// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/allocator_objects.h"

#include <iterator>

#include "base/every_process.h"
#include "base/export.h"
#include "base/public_names.h"
#include "elf/notes.h"
#include "runtime/allocators/link_map_order.h"
#include "runtime/allocators/own_symbols.h"
#include "runtime/allocators/state.h"
#include "runtime/index/tables.h"
#include "runtime/index/word.h"
#include "runtime/query/allocator_names.h"

// The objects by which a program knows the allocators. It compares addresses, so where the program has objects of its own,
// those are the ones to give out.
//
// A program that was linked to liballocs.so may hold copies of ours (copy relocations). The loader would find out at start-up, at
// the price of a symbol look-up each, in every process; so nothing here refers to the symbols, and the copies are looked for
// when they are asked for.
//
// A program that was linked with liballocs_link.a has the objects, and a note that says where (kAllocatorObjectsNote). A library
// that it loads later knows nothing of them, and would find ours: so at start-up our own symbols are moved to the
// program's. (Libraries that the program is linked to need no such help: for them, the linker lists the objects.)

using allocs::query::Allocator;
using allocs::query::row_of;

extern "C" {
#define ALLOCS_ALLOCATOR_OBJECT(which, symbol, text)                       \
  ALLOCS_EXPORT constinit allocator symbol{row_of(Allocator::which).name}; \
  extern allocator own##symbol __attribute__((visibility("hidden"), alias(#symbol)));
ALLOCS_ALLOCATOR_OBJECTS(ALLOCS_ALLOCATOR_OBJECT)
}

namespace allocs::preload {

namespace {

using allocators::SymbolName;

// In the order of `Allocator`, from its second. The names are apart from the objects: what holds no pointer the loader leaves alone.
#define ALLOCS_ALLOCATOR_NAME(which, symbol, text) SymbolName(#symbol),
constexpr SymbolName kNames[] = {ALLOCS_ALLOCATOR_OBJECTS(ALLOCS_ALLOCATOR_NAME)};
#define ALLOCS_OWN_ALLOCATOR(which, symbol, text) &own##symbol,
constexpr allocator* kOwn[] = {ALLOCS_ALLOCATOR_OBJECTS(ALLOCS_OWN_ALLOCATOR)};
constexpr std::size_t kCount = std::size(kNames);
static_assert(kCount + 1 == static_cast<std::size_t>(Allocator::registered));
#define ALLOCS_ALLOCATOR_NUMBER(which, symbol, text) Allocator::which,
static_assert([] {
  std::size_t number = 0;
  for (const Allocator which : {ALLOCS_ALLOCATOR_OBJECTS(ALLOCS_ALLOCATOR_NUMBER)}) {
    if (which != static_cast<Allocator>(++number)) return false;
  }
  return number == kCount;
}());
#define ALLOCS_SAME_TEXT(which, symbol, text) \
  &&std::string_view(row_of(Allocator::which).name) == text
static_assert(true ALLOCS_ALLOCATOR_OBJECTS(ALLOCS_SAME_TEXT));

ALLOCS_APART constinit allocator* g_found[kCount + 1] = {};

[[gnu::noinline]] allocator* find(std::size_t number) {
  const SymbolName& name = kNames[number - 1];
  const link_map* const self = allocators::our_object();
  const link_map* const holder =
      self == nullptr ? nullptr : allocators::definer_of(name, allocators::first_object(), self);
  if (holder == nullptr) return kOwn[number - 1];
  return static_cast<allocator*>(allocators::DynamicSymbols(*holder).address_of(name));
}

// The objects that the note in a segment of the executable tells of, or nullptr.
allocator* objects_in_notes(const index::ModuleRecord& program, const elf::ProgramHeader& segment) {
  allocator* objects = nullptr;
  const Address begin{program.bias + segment.p_vaddr};
  elf::find_note(TrustedMemory{}, {begin, begin + segment.p_filesz}, segment.p_align,
                 [&](const elf::Note& note) {
                   std::int64_t distance;
                   if (note.type != kAllocatorObjectsNote || note.size < sizeof(distance) ||
                       note.name != kNoteOwner) {
                     return false;
                   }
                   std::memcpy(&distance, note.content, sizeof(distance));
                   const Address at = note.at + static_cast<std::uint64_t>(distance);
                   if (at < program.begin || at >= program.end) return false;
                   objects = reinterpret_cast<allocator*>(raw(at));
                   return true;
                 });
  return objects;
}

allocator* objects_of_program() {
  allocator* objects = nullptr;
  index::for_each_module(
      TrustedMemory{}, allocators::g_root, [&](const index::ModuleRecord& module) {
        if (module.is_executable == 0) return true;
        const auto* const headers = reinterpret_cast<const elf::ProgramHeader*>(raw(module.phdrs));
        for (std::uint32_t i = 0; i < module.phdr_count && objects == nullptr; ++i) {
          if (headers[i].p_type == PT_NOTE) objects = objects_in_notes(module, headers[i]);
        }
        return false;
      });
  return objects;
}

}  // namespace

[[ALLOCS_ONCE]] void adopt_objects_of_program() {
  allocator* const objects = objects_of_program();
  if (objects == nullptr) return;
  allocators::SymbolPlace places[kCount];
  for (std::size_t i = 0; i < kCount; ++i) {
    index::store_relaxed(g_found[i + 1], objects + i);
    places[i] = {&kNames[i], raw(address_of(objects + i))};
  }
  allocators::move_own_symbols(places);
}

allocator* object_of(Allocator which) {
  const auto number = static_cast<std::size_t>(which);
  if (number == 0 || number > kCount) return nullptr;
  allocator* const found = index::load_relaxed(g_found[number]);
  if (found != nullptr) [[likely]]
    return found;
  allocator* const object = find(number);
  index::store_relaxed(g_found[number], object);
  return object;
}

Allocator allocator_of(const allocator* object) {
  if (object == nullptr) return Allocator::none;
  for (std::size_t number = 1; number <= kCount; ++number) {
    const auto which = static_cast<Allocator>(number);
    if (object_of(which) == object) return which;
  }
  return Allocator::registered;
}

}  // namespace allocs::preload
