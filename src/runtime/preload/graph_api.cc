// SPDX-License-Identifier: Apache-2.0
#include "allocs/walk.h"
#include "base/export.h"
#include "base/public_names.h"
#include "runt/address_scan.h"
#include "runtime/preload/container_rules.h"
#include "runtime/preload/foreign_ranges.h"
#include "runtime/preload/graph_walk.h"
#include "runtime/preload/info.h"
#include "runtime/preload/reference_place.h"
#include "runtime/preload/referrers.h"
#include "runtime/preload/roots.h"
#include "runtime/preload/used_pages.h"
#include "runtime/query/object_reader.h"
#include "runtime/query/type_by_referrers.h"
#include "runtime/self/ask.h"
#include "runtime/self/kept_walk.h"

// The public functions of <allocs/walk.h> that follow pointers: who points to an object, what is reachable, and by which way (graph_walk.h).

namespace {

using allocs::Address;
using allocs::address_of;
using allocs::AddressRange;
using allocs::preload::GraphWalk;
using allocs::preload::look_at_reference;
using allocs::preload::pointer;
using allocs::preload::Reached;
using allocs::preload::registers_of_asker;
using allocs::query::Answer;
using allocs::runt::AddressScan;
using allocs::self::SelfProcess;

// Calls visit(AddressRange) for each piece of memory in which the program may have put an address, without the run time's own, until it returns false: what is writable, and loaded objects, since
// the loader writes to what is read only later.
template <typename Visit>
void for_each_written_range(const SelfProcess& process, Visit&& visit) {
  allocs::runt::MappingTable table;
  if (table.open(0) != 0) return;
  const allocs::preload::UsedPages pages;
  bool goes_on = true;
  for (Address at{}; goes_on && at < allocs::kEndOfUserAddresses;) {
    const auto answer = table.mapping_at_or_above(at);
    if (answer.certainty != allocs::Certainty::known) return;
    const auto& mapping = answer.mapping;
    at = mapping.range.end;
    if (!mapping.is_readable) continue;
    const bool may_be_relocated =
        !mapping.is_executable && process.find_object(mapping.range.begin) != nullptr;
    if (!mapping.is_writable && !may_be_relocated) continue;
    goes_on = allocs::preload::for_each_used_run(pages, mapping, [&](AddressRange used) {
      return allocs::preload::for_each_foreign_range(process, used, visit);
    });
  }
}

// Calls visit(at, word) for each eight bytes of writable memory that hold an address in the range, until it returns false; neither what this very call has put on
// the stack, nor what the run time keeps. False: there is no memory.
template <typename Visit>
bool for_each_address_in(const SelfProcess& process, AddressRange range, Visit&& visit) {
  const AddressRange unused =
      allocs::preload::unused_below_asker(process, registers_of_asker(process).sp());
  const auto own =
      process.find_object(address_of(reinterpret_cast<const void*>(&alloc_walk_referrers)));
  const allocs::preload::OwnScratch buffer(AddressScan::kBuffer);
  if (!buffer.is_there()) return false;
  AddressScan scan(raw(range.begin), raw(range.end) - 1, buffer.bytes());
  allocs::runt::ScanBorder border;
  const auto consider = [&](Address at, std::uint64_t word) {
    return unused.contains(at) || (own != nullptr && own->range.contains(at)) || visit(at, word);
  };
  for_each_written_range(process, [&](AddressRange written) {
    if (!border.search(scan, written.begin, consider) || !scan.run(written, consider)) return false;
    border.keep(scan, written.end);
    return true;
  });
  return true;
}

}  // namespace

void allocs::preload::set_type_by_referrers(const SelfProcess& asker, Answer& answer) {
  if (!asker.may_wait() || !asker.knows_mappings()) return;
  allocs::self::KeptWalk kept;
  const SelfProcess process(asker, kept);
  query::TypeByReferrers types(answer.range.size());
  const types::ObjectReader reader = query::object_reader(process);
  for_each_address_in(process, answer.range, [&](Address at, std::uint64_t word) {
    const Answer holder = self::ask(process, at);
    const bool is_typed = holder.error == ALLOC_OK && holder.type_grade >= ALLOC_GRADE_PLAUSIBLE;
    if (!is_typed) return true;
    if (const auto* pointer = query::pointer_type_at(holder.type, holder.range, at, reader))
      types.add(*pointer, Address{word} - answer.range.begin);
    if (Address{word} == answer.range.begin) {
      if (auto* const element = preload::element_type_kept_in(process, holder, at, answer.range))
        types.add_elements(element);
    }
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
  const bool was_read =
      for_each_address_in(process, object.range, [&](Address at, std::uint64_t word) {
        const auto place = look_at_reference(process, at);
        if (!place.refers(at)) return true;
        const alloc_reference reference{.at = pointer(at),
                                        .target = pointer(Address{word}),
                                        .type = place.type,
                                        .reserved = {}};
        result = visit(&reference, context);
        return result == 0;
      });
  return was_read ? result : int{ALLOC_E_NO_MEMORY};
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
  if (!process.knows_mappings()) return ALLOC_E_NOT_YET;
  const Answer object = allocs::preload::node_at(process, address_of(obj));
  if (object.error == ALLOC_E_NOTHING_THERE) return ALLOC_E_NO_SUCH_OPERATION;
  if (object.error != ALLOC_OK) return object.error;
  constexpr int kFound = 1;
  GraphWalk walk(process);
  std::uint64_t found = 0;
  const int result = walk.run([&](const Reached& each, const Answer&, std::uint64_t i) {
    found = i;
    return each.node == object.range.begin ? kFound : ALLOC_WALK_ON;
  });
  if (result != kFound) return result == 0 ? ALLOC_E_NOTHING_THERE : result;
  const std::uint32_t length = walk.reached()[found].distance;
  for (std::uint32_t step = length; step > 0; --step) {
    const Reached& each = walk.reached()[found];
    if (step <= capacity) {
      uniqtype* const type =
          each.at == Address{} ? nullptr : look_at_reference(process, each.at).type;
      steps[step - 1] = {
          .at = pointer(each.at), .target = pointer(each.node), .type = type, .reserved = {}};
    }
    if (each.from != 0) found = each.from - 1;
  }
  return static_cast<int>(length);
}

ALLOCS_GRAPH_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)
}
