// SPDX-License-Identifier: Apache-2.0
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>

#include "allocs/walk.h"
#include "base/export.h"
#include "base/public_names.h"
#include "base/raw_syscall.h"
#include "runtime/preload/foreign_ranges.h"
#include "runtime/preload/info.h"
#include "runtime/preload/memory_words.h"
#include "runtime/preload/referrers.h"
#include "runtime/preload/roots.h"
#include "runtime/query/frame_scan.h"
#include "runtime/query/tls_query.h"
#include "runtime/query/tree.h"
#include "runtime/query/type_by_referrers.h"
#include "runtime/self/ask.h"
#include "runtime/self/kept_walk.h"
#include "types/pointer_fields.h"
#include "types/word_content.h"

// The public functions of <allocs/walk.h> that follow pointers: who points to an object, what is reachable, and by which way.
//
// Breadth first over the blocks of malloc: a list of what was reached, in that order, is the queue as well, and each entry knows by
// which it was reached, so the way back from a block is the shortest route to it. Blocks already reached are told by a hash table of
// indices into the list. Both live in pages of their own, for the time of the call, as many as there may be blocks.

namespace {

using allocs::Address;
using allocs::address_of;
using allocs::AddressRange;
using allocs::preload::pointer;
using allocs::preload::registers_of_asker;
using allocs::preload::WordWindow;
using allocs::query::Answer;
using allocs::self::SelfProcess;
namespace index = allocs::index;

// ---- roots ----

// Calls visit(AddressRange) for each piece of memory in which roots lie: writable segments of loaded objects, thread-locals, stacks. Of the
// caller's stack what is above its stack pointer; of those of threads that it has stopped what they use, and their registers; of others' all
// that can be read.
template <typename Visit>
void for_each_root_range(const SelfProcess& process, Address sp, Visit&& visit) {
  index::for_each_module(process.tables(), *process.root(), [&](const index::ModuleRecord& module) {
    if (module.state != index::ModuleState::loaded) return true;
    const auto* headers = reinterpret_cast<const allocs::elf::ProgramHeader*>(raw(module.phdrs));
    for (std::uint32_t i = 0; i < module.phdr_count; ++i) {
      if (headers[i].p_type != PT_LOAD || (headers[i].p_flags & PF_W) == 0) continue;
      const Address begin{module.bias + headers[i].p_vaddr};
      visit(AddressRange{begin, begin + headers[i].p_memsz});
    }
    return true;
  });
  bool is_on_known_stack = false;
  const AddressRange unused = allocs::preload::unused_below_asker(process, sp);
  index::for_each_thread(process.tables(), *process.root(), [&](const index::ThreadRecord& thread) {
    const Answer stack = process.stack_at(thread.stack_high - 16);
    AddressRange range{thread.stack_low, thread.stack_high};
    if (stack.error == ALLOC_OK) range = stack.range;
    if (range.contains(sp)) {
      if (unused.begin > range.begin) visit(AddressRange{range.begin, unused.begin});
      range.begin = sp;
      is_on_known_stack = true;
    }
    range.begin = std::max(range.begin, allocs::preload::lowest_used_by_stopped(process, range));
    visit(range);
    return true;
  });
  if (allocs::self::have_stopped_others()) {
    allocs::self::for_each_stopped_thread([&](const allocs::self::StoppedThread& thread) {
      visit(thread.frame());
      if (!index::thread_with_stack_at(process.tables(), *process.root(), thread.sp())) {
        if (const auto mapping = process.mapping_of(thread.sp()))
          visit(AddressRange{thread.lowest_in_use(), mapping->range.end});
      }
      return true;
    });
  }
  if (!is_on_known_stack) {
    if (const auto mapping = process.mapping_of(sp)) visit(AddressRange{sp, mapping->range.end});
  }
  process.for_each_thread([&](const allocs::query::ThreadView& thread, const auto& memory) {
    process.for_each_object([&](const allocs::query::Object& object) {
      const AddressRange block = allocs::query::tls_block_of(memory, thread, object);
      if (object.tls_module != 0 && block.size() != 0) visit(block);
      return true;
    });
    return true;
  });
}

// ---- what was reached ----

struct Reached {
  Address block{};
  Address at{};            // of the pointer; 0: in a register
  std::uint32_t from = 0;  // 1 + index of the block that has the pointer; 0: a root
  std::uint32_t distance = 1;
};

class ReachedBlocks {
 public:
  ReachedBlocks(const SelfProcess& process, std::uint64_t blocks)
      : scratch_(process.types().scratch) {
    capacity_ = blocks + blocks / 4 + 1024;
    slots_ = 1024;
    while (slots_ < 2 * capacity_) slots_ *= 2;
    list_ = static_cast<Reached*>(scratch_.take(capacity_ * sizeof(Reached)));
    table_ = static_cast<std::uint32_t*>(scratch_.take(slots_ * sizeof(std::uint32_t)));
  }
  ~ReachedBlocks() {
    if (list_ != nullptr) scratch_.give_back(list_, capacity_ * sizeof(Reached));
    if (table_ != nullptr) scratch_.give_back(table_, slots_ * sizeof(std::uint32_t));
  }
  ReachedBlocks(const ReachedBlocks&) = delete;
  ReachedBlocks& operator=(const ReachedBlocks&) = delete;

  bool is_ok() const { return list_ != nullptr && table_ != nullptr; }
  std::uint64_t size() const { return size_; }
  const Reached& operator[](std::uint64_t i) const { return list_[i]; }

  // Adds it, if it is new. False: there is no room, since the heap has grown by a quarter meanwhile.
  bool add(const Reached& reached) {
    std::uint64_t slot = (raw(reached.block) >> 3) * 0x9E3779B97F4A7C15u & (slots_ - 1);
    for (; table_[slot] != 0; slot = (slot + 1) & (slots_ - 1)) {
      if (list_[table_[slot] - 1].block == reached.block) return true;
    }
    if (size_ == capacity_) return false;
    list_[size_] = reached;
    table_[slot] = static_cast<std::uint32_t>(++size_);
    return true;
  }

 private:
  allocs::types::ScratchMemory scratch_;
  std::uint64_t capacity_ = 0, slots_ = 0, size_ = 0;
  Reached* list_ = nullptr;
  std::uint32_t* table_ = nullptr;
};

std::uint64_t count_blocks(const SelfProcess& process) {
  std::uint64_t count = 0;
  index::for_each_block(process.tables(), *process.root(), [&](const index::Block&) {
    ++count;
    return true;
  });
  return count;
}

// Is there an array of bytes in an object of that type and size that has room for a pointer? A program may keep what it likes there.
bool may_hold_anything(const uniqtype& type, std::uint64_t extent, unsigned depth = 0) {
  using allocs::types::Kind;
  const auto& record = allocs::types::record_of(type);
  if (depth > allocs::types::kDeepestPointerField || extent < sizeof(void*)) return false;
  if (record.kind == Kind::array) {
    const uniqtype* const element = type.related[0].un.t.ptr;
    if (element == nullptr) return true;
    const auto& of = allocs::types::record_of(*element);
    return (of.kind == Kind::base && of.size == 1) ||
           may_hold_anything(*element, of.size < extent ? of.size : extent, depth + 1);
  }
  if (record.kind != Kind::composite) return false;
  for (std::uint64_t i = 0; i < record.count; ++i) {
    const auto& slot = type.related[i].un.memb;
    if (slot.ptr == nullptr || slot.may_be_invalid || slot.off >= extent) continue;
    const std::uint64_t size = allocs::types::size_of(*slot.ptr), left = extent - slot.off;
    if (may_hold_anything(*slot.ptr, size < left ? size : left, depth + 1)) return true;
  }
  return false;
}

class GraphWalk {
 public:
  explicit GraphWalk(const SelfProcess& process)
      : process_(process),
        reached_(process, count_blocks(process)),
        registers_(registers_of_asker(process)) {}

  // visit(const Reached&, const Answer&, index) for each block; its result as a visitor's.
  template <typename Visit>
  int run(Visit&& visit) {
    if (!reached_.is_ok()) return ALLOC_E_NO_MEMORY;
    if (!add_roots()) return ALLOC_E_NO_MEMORY;
    for (std::uint64_t i = 0; i < reached_.size(); ++i) {
      const Reached each = reached_[i];
      const Answer block = allocs::query::query_heap(process_, each.block);
      if (block.error != ALLOC_OK) continue;
      const int result = visit(each, block, i);
      if (result != ALLOC_WALK_ON && result != ALLOC_WALK_PRUNE) return result;
      if (result == ALLOC_WALK_ON && !follow(block, i)) return ALLOC_E_NO_MEMORY;
    }
    return 0;
  }
  const ReachedBlocks& reached() const { return reached_; }

 private:
  // The word `value` was found at `at`.
  bool consider(std::uint64_t value, Address at, std::uint32_t from, std::uint32_t distance) {
    index::Block block;
    if (!index::find_block(process_.tables(), *process_.root(), Address{value}, block)) return true;
    if (block.state != index::BlockState::known) return true;
    return reached_.add({.block = block.base, .at = at, .from = from, .distance = distance});
  }

  bool add_roots() {
    bool is_ok = true;
    for (unsigned i = 0; i < allocs::elf::kRegisterCount; ++i) {
      if (registers_.has(i) && is_ok) is_ok = consider(registers_.value[i], Address{}, 0, 1);
    }
    for_each_root_range(process_, registers_.sp(), [&](AddressRange range) {
      allocs::preload::for_each_word(range, [&](Address at, std::uint64_t word) {
        is_ok = is_ok && consider(word, at, 0, 1);
        return is_ok;
      });
    });
    return is_ok;
  }

  bool follow(const Answer& block, std::uint64_t i) {
    const std::uint32_t distance = reached_[i].distance + 1;
    const auto from = static_cast<std::uint32_t>(i + 1);
    bool is_ok = true;
    if (block.type == nullptr || may_hold_anything(*block.type, block.range.size())) {
      allocs::preload::for_each_word(block.range, [&](Address at, std::uint64_t word) {
        return is_ok = consider(word, at, from, distance);
      });
      return is_ok;
    }
    WordWindow words(block.range.end);
    allocs::types::for_each_pointer_field(block.type, block.range.begin, block.range.size(),
                                          [&](Address at, const uniqtype&) {
                                            std::uint64_t word = 0;
                                            if (!words.read(at, word)) return false;
                                            return is_ok = consider(word, at, from, distance);
                                          });
    return is_ok;
  }

  const SelfProcess& process_;
  ReachedBlocks reached_;
  allocs::runt::Registers registers_;
};

// The type of the pointer at `at`, if something tells it. False: something tells that it is no pointer.
bool type_of_reference(const SelfProcess& process, Address at, uniqtype*& type) {
  type = nullptr;
  const Answer holder = allocs::self::ask(process, at);
  if (holder.error != ALLOC_OK) return true;
  if (const auto slot = allocs::query::slot_at(process, holder, at)) {
    type = slot->type;
    return slot->holds != allocs::query::FramePlace::Holds::no_pointer &&
           slot->part != allocs::query::FramePlace::Part::return_address;
  }
  if (holder.type == nullptr) return true;
  allocs::types::WordContent content;
  content.add(*holder.type, holder.range, at,
              [&](unsigned depth) { return holder.rows.at(depth); });
  type = const_cast<uniqtype*>(content.pointer);
  if (type != nullptr) return true;
  // Arrays of bytes may hold anything, and where the type has no member something else may lie: a virtual base, what follows a header.
  const bool is_sure =
      holder.type_grade >= ALLOC_GRADE_STRONG && (holder.evidence & ALLOC_EV_VIRTUAL_TABLE) == 0;
  const bool is_number = content.begins_with_other && !content.begins_with_bytes &&
                         !content.is_unclear && !content.is_saved_register;
  return !(is_sure && is_number);
}

// Calls visit(AddressRange) for each mapping in which the program may have put an address, without the run time's own memory, until it returns false: writable ones, and those of loaded objects, since
// the loader writes to what is read only later.
template <typename Visit>
void for_each_written_range(const SelfProcess& process, Visit&& visit) {
  allocs::runt::MappingTable table;
  if (table.open(0) != 0) return;
  for (Address at{}; at < allocs::kEndOfUserAddresses;) {
    const auto answer = table.mapping_at_or_above(at);
    if (answer.certainty != allocs::Certainty::known) return;
    const auto& mapping = answer.mapping;
    at = mapping.range.end;
    if (!mapping.is_readable) continue;
    const bool may_be_relocated =
        !mapping.is_executable && process.find_object(mapping.range.begin) != nullptr;
    if (!mapping.is_writable && !may_be_relocated) continue;
    if (!allocs::preload::for_each_foreign_range(process, mapping.range, visit)) return;
  }
}

// Calls visit(at, word) for each word of writable memory that leads into the range, until it returns false; neither what this very call has put on
// the stack, nor what the run time keeps.
template <typename Visit>
void for_each_word_to(const SelfProcess& process, AddressRange range, Visit&& visit) {
  const AddressRange unused =
      allocs::preload::unused_below_asker(process, registers_of_asker(process).sp());
  const auto own =
      process.find_object(address_of(reinterpret_cast<const void*>(&alloc_walk_referrers)));
  bool goes_on = true;
  for_each_written_range(process, [&](AddressRange written) {
    allocs::preload::for_each_word(written, [&](Address at, std::uint64_t word) {
      if (!range.contains(Address{word})) return true;
      if (unused.contains(at) || (own != nullptr && own->range.contains(at))) return true;
      return goes_on = visit(at, word);
    });
    return goes_on;
  });
}

}  // namespace

void allocs::preload::set_type_by_referrers(const SelfProcess& asker, Answer& answer) {
  if (!asker.may_wait() || !asker.knows_mappings()) return;
  allocs::self::KeptWalk kept;
  const SelfProcess process(asker, kept);
  query::TypeByReferrers types(answer.range.size());
  for_each_word_to(process, answer.range, [&](Address at, std::uint64_t word) {
    const Answer holder = self::ask(process, at);
    const bool is_typed = holder.error == ALLOC_OK && holder.type_grade >= ALLOC_GRADE_PLAUSIBLE;
    if (!is_typed) return true;
    if (const auto* pointer = query::pointer_type_at(holder.type, holder.range, at))
      types.add(*pointer, Address{word} - answer.range.begin);
    return true;
  });
  query::set_agreed_type(process.types(), types.decide(), answer);
}

extern "C" {

ALLOCS_EXPORT int alloc_walk_referrers(const void* obj, unsigned flags,
                                       alloc_visit_reference* visit, void* context) {
  if (visit == nullptr || flags != 0) return ALLOC_E_INVALID;
  const auto here = allocs::runt::current_registers();
  allocs::self::KeptWalk kept;
  const SelfProcess process(SelfProcess(SelfProcess::Mode::wait, here), kept);
  const Answer object = allocs::self::ask(process, address_of(obj));
  if (object.error != ALLOC_OK) return object.error;
  if (!process.knows_mappings()) return ALLOC_E_NOT_YET;
  int result = 0;
  for_each_word_to(process, object.range, [&](Address at, std::uint64_t word) {
    uniqtype* type = nullptr;
    if (!type_of_reference(process, at, type)) return true;
    const alloc_reference reference{
        .at = pointer(at), .target = pointer(Address{word}), .type = type, .reserved = {}};
    result = visit(&reference, context);
    return result == 0;
  });
  return result;
}

ALLOCS_EXPORT int alloc_walk_graph(unsigned flags, alloc_visit_reached* visit, void* context) {
  if (visit == nullptr || flags != 0) return ALLOC_E_INVALID;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(SelfProcess::Mode::wait, here);
  if (!process.knows_mappings()) return ALLOC_E_NOT_YET;
  GraphWalk walk(process);
  return walk.run([&](const Reached& each, const Answer& block, std::uint64_t) {
    alloc_reached told{
        .block = {}, .at = pointer(each.at), .distance = each.distance, .reserved = {}};
    allocs::preload::put_info(block, told.block);
    return visit(&told, context);
  });
}

ALLOCS_EXPORT int alloc_find_route(const void* obj, unsigned flags, struct alloc_reference* steps,
                                   size_t capacity) {
  if (flags != 0 || (steps == nullptr && capacity != 0)) return ALLOC_E_INVALID;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(SelfProcess::Mode::wait, here);
  const Answer object = allocs::query::query_heap(process, address_of(obj));
  if (object.error == ALLOC_E_NOTHING_THERE) return ALLOC_E_NO_SUCH_OPERATION;
  if (object.error != ALLOC_OK) return object.error;
  if (!process.knows_mappings()) return ALLOC_E_NOT_YET;
  constexpr int kFound = 1;
  GraphWalk walk(process);
  std::uint64_t found = 0;
  const int result = walk.run([&](const Reached& each, const Answer&, std::uint64_t i) {
    found = i;
    return each.block == object.range.begin ? kFound : ALLOC_WALK_ON;
  });
  if (result != kFound) return result == 0 ? ALLOC_E_NOTHING_THERE : result;
  const std::uint32_t length = walk.reached()[found].distance;
  for (std::uint32_t step = length; step > 0; --step) {
    const Reached& each = walk.reached()[found];
    if (step <= capacity) {
      uniqtype* type = nullptr;
      if (each.at != Address{}) type_of_reference(process, each.at, type);
      steps[step - 1] = {
          .at = pointer(each.at), .target = pointer(each.block), .type = type, .reserved = {}};
    }
    if (each.from != 0) found = each.from - 1;
  }
  return static_cast<int>(length);
}

ALLOCS_GRAPH_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)
}
