// SPDX-License-Identifier: Apache-2.0
#include "runtime/query/frame_layout.h"

#include <optional>

#include "runtime/query/location_list.h"
#include "types/derive.h"

// The type of a frame depends on the pc: variables come into scope and leave it, move between registers and memory. The
// metadata has, for every variable, the pc ranges in which it is at a fixed distance from the canonical frame address.
// At a given pc the frame's members are the variables with an entry that covers it; the frame's type holds from the last to the next
// pc at which any variable's entry begins or ends.
//
//   x  [0x10,0x50) at CFA-24        at pc 0x30:  members x, i;  holds for [0x20,0x40)
//   i  [0x20,0x40) at CFA-28        at pc 0x44:  member x;      holds for [0x40,0x50)
//
// A variable whose place or size only the running frame tells, such as a variable-length array, is no member: the type would be
// another in each activation. computed_variable.h finds it.
namespace allocs::query {

namespace {

using types::LocationKind;

constexpr std::uint64_t kLargestVariable = std::uint64_t{1} << 40;  // a larger one is damage

void narrow(FrameLayout& layout, std::uint64_t boundary) {
  if (boundary <= layout.pc) {
    if (boundary > layout.low_pc) layout.low_pc = boundary;
  } else if (boundary < layout.high_pc) {
    layout.high_pc = boundary;
  }
}

// What a location of that kind counts from, relative to the canonical frame address; empty if it is not in memory, or not known.
std::optional<std::int64_t> base_of(LocationKind kind, const RegisterPlaces& registers) {
  switch (kind) {
    case LocationKind::memory:
      return 0;
    case LocationKind::memory_at_sp:
      return registers.sp;
    case LocationKind::memory_at_fp:
      return registers.has_fp ? std::optional(registers.fp) : std::nullopt;
    case LocationKind::in_register:
    case LocationKind::computed:
    case LocationKind::value:
      return std::nullopt;
  }
  return std::nullopt;
}

std::uint64_t size_in_memory(const types::Image& image, types::TypeIndex index) {
  const types::TypeRecord* type = image.type(index);
  return type == nullptr || type->size == types::kUnknownSize ? 0 : type->size;
}

// The variables that are somewhere in memory at `layout.pc`: visit(variable, cfa_offset, size).
template <typename Visit>
void for_each_variable_in_memory(const types::Image& image, const types::FunctionRecord& function,
                                 FrameLayout& layout, Visit&& visit) {
  for (const types::VariableRecord& variable : variables_of(image, function)) {
    const bool leads_to_alloca = (variable.flags & types::kVariableAllocaHead) != 0;
    ByteReader reader = reader_of_locations(image, variable);
    read_location_list(image, reader, function.low, [&](const LocationEntry& entry) {
      if (leads_to_alloca && entry.covers(layout.pc)) layout.has_alloca = true;
      if (is_found_at_run_time(variable, entry)) {
        if (entry.covers(layout.pc)) layout.has_computed_variables = true;
        return;
      }
      const bool is_by_register =
          entry.kind == LocationKind::memory_at_sp || entry.kind == LocationKind::memory_at_fp;
      const std::optional<std::int64_t> base = base_of(entry.kind, layout.registers);
      if (!base && !is_by_register) return;
      narrow(layout, entry.begin);
      narrow(layout, entry.end);
      if (!entry.covers(layout.pc)) return;
      const std::uint64_t size = size_in_memory(image, variable.type);
      if (size == 0 || size > kLargestVariable) return;
      if (is_by_register) layout.depends_on_registers = true;
      if (base) visit(variable, *base + entry.value, size);
    });
  }
}

// In order of offset, larger ones first.
void insert(types::CompositeSlot* slots, std::size_t count, const types::CompositeSlot& slot) {
  std::size_t at = count;
  for (; at > 0; --at) {
    const types::CompositeSlot& before = slots[at - 1];
    if (before.offset != slot.offset ? before.offset < slot.offset
                                     : types::size_of(*before.type) >= types::size_of(*slot.type)) {
      break;
    }
    slots[at] = before;
  }
  slots[at] = slot;
}

Hash128 identity_of(const types::Image& image, const FrameLayout& layout) {
  Hasher hasher;
  hasher.add(std::string_view("frame"));
  hasher.add(image.header().content_checksum);
  hasher.add(layout.low_pc);
  hasher.add(layout.high_pc);
  hasher.add(static_cast<std::uint64_t>(layout.low));
  if (layout.depends_on_registers) {
    hasher.add(static_cast<std::uint64_t>(layout.registers.sp));
    hasher.add(static_cast<std::uint64_t>(layout.registers.fp));
  }
  return hasher.finish();
}

void put_mangled(TextWriter& out, const char* text) {
  for (const char* c = text; *c != '\0'; ++c) {
    const bool plain = (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') ||
                       (*c >= '0' && *c <= '9') || *c == '_';
    if (plain) {
      out.put(*c);
    } else {
      const auto byte = static_cast<unsigned char>(*c);
      out.put('$').put("0123456789abcdef"[byte >> 4]).put("0123456789abcdef"[byte & 15]);
    }
  }
}

}  // namespace

FrameLayout frame_layout(const types::Image& image, const types::FunctionRecord& function,
                         std::uint64_t pc, RegisterPlaces registers) {
  FrameLayout layout{.registers = registers,
                     .pc = pc,
                     .low_pc = function.low,
                     .high_pc = function.low + function.length};
  for_each_variable_in_memory(
      image, function, layout,
      [&](const types::VariableRecord&, std::int64_t cfa_offset, std::uint64_t size) {
        const std::int64_t end = cfa_offset + static_cast<std::int64_t>(size);
        if (cfa_offset < layout.low) layout.low = cfa_offset;
        if (end > layout.high) layout.high = end;
      });
  return layout;
}

void put_frame_name(TextWriter& out, const types::Image& image,
                    const types::FunctionRecord& function, const FrameLayout& layout) {
  put_mangled(out, image.text(function.unit));
  out.put(image.text(function.name))
      .put("_vaddrs_")
      .hexadecimal(layout.low_pc)
      .put('_')
      .hexadecimal(layout.high_pc);
}

namespace {

uniqtype* make_frame_type(const TypeMaker& types, const types::Image& image,
                          const types::FunctionRecord& function, const FrameLayout& layout,
                          const Hash128& identity, const types::CompositeSlot* slots,
                          std::size_t count) {
  char text[2048];
  TextWriter name(text, sizeof(text));
  put_frame_name(name, image, function, layout);
  char human_text[1024];
  TextWriter human(human_text, sizeof(human_text));
  human.put("frame of ").put(image.text(function.name));
  return types::composite_of(*types.interner, types::CompositeKind::frame, identity, name.text(),
                             human.text(), layout.size(), slots, count);
}

}  // namespace

uniqtype* frame_type(const TypeMaker& types, const Object& object,
                     const types::FunctionRecord& function, const FrameLayout& layout) {
  const types::Image& image = *object.image;
  const Hash128 identity = identity_of(image, layout);
  if (types.interner == nullptr) return nullptr;
  if (const uniqtype_record* known = types.interner->find(identity);
      known != nullptr && known->complete.load(std::memory_order_acquire)) {
    return known->type;
  }
  if (!types.may_make) return nullptr;

  const std::size_t scratch_size = (function.variable_count + 1) * sizeof(types::CompositeSlot);
  auto* slots = static_cast<types::CompositeSlot*>(types.scratch.take(scratch_size));
  if (slots == nullptr) return nullptr;
  std::size_t count = 0;
  bool complete = true;
  FrameLayout again = layout;
  for_each_variable_in_memory(
      image, function, again,
      [&](const types::VariableRecord& variable, std::int64_t cfa_offset, std::uint64_t) {
        uniqtype* type = types.type(object, variable.type);
        if (type == nullptr || count >= function.variable_count) {
          complete = false;
          return;
        }
        insert(slots, count++,
               {.name = image.text(variable.name),
                .offset = static_cast<std::uint64_t>(cfa_offset - layout.low),
                .type = type});
      });
  uniqtype* made = nullptr;
  if (complete) made = make_frame_type(types, image, function, layout, identity, slots, count);
  types.scratch.give_back(slots, scratch_size);
  return made;
}

}  // namespace allocs::query
