// SPDX-License-Identifier: Apache-2.0
#include "allocs.h"

#include <cstring>

#include "base/export.h"
#include "base/public_names.h"
#include "runtime/preload/allocator_objects.h"
#include "runtime/preload/holders.h"
#include "runtime/preload/info.h"
#include "runtime/preload/referrers.h"
#include "runtime/query/describe.h"
#include "runtime/query/frame_scan.h"
#include "runtime/query/object_reader.h"
#include "runtime/query/path.h"
#include "runtime/query/query.h"
#include "runtime/self/ask.h"
#include "runtime/self/known_block.h"
#include "runtime/self/known_static.h"
#include "runtime/self/loader.h"
#include "runtime/self/self_process.h"
#include "runtime/self/statistics.h"

// The public functions of <allocs.h>, and what opens them: each takes its caller's registers, asks the engine, and puts the answer in C's terms.

namespace {

using allocs::Address;
using allocs::address_of;
using allocs::TextWriter;
using allocs::preload::mode_of;
using allocs::preload::pointer;
using allocs::preload::put_info;
using allocs::preload::size_of;
using allocs::query::Answer;
using allocs::self::g_statistics;
using allocs::self::HeapLook;
using allocs::self::KnownBlock;
using allocs::self::KnownStatic;
using allocs::self::Question;
using allocs::self::SelfProcess;

// For the getters, which have looked in the heap already.
[[gnu::noinline]] Answer ask_further(Question question, const void* obj, bool is_in_heap,
                                     const allocs::runt::Registers& here,
                                     SelfProcess::Mode mode = SelfProcess::Mode::wait) {
  const bool wants_types = question == Question::type || question == Question::path;
  const SelfProcess process(mode, here, wants_types);
  Answer answer = is_in_heap ? allocs::self::ask(process, address_of(obj))
                             : allocs::self::ask_beyond_heap(process, address_of(obj));
  g_statistics.count(question, answer);
  return answer;
}

// Does it serve as the stack that this runs on? Then there are frames in it, for which the long road looks.
[[gnu::always_inline]] inline std::uint64_t stack_pointer() {
  std::uint64_t sp;
  asm("movq %%rsp, %0" : "=r"(sp));
  return sp;
}
[[gnu::always_inline]] inline bool holds_stack(const KnownBlock& known) {
  return stack_pointer() - raw(known.block.base) < known.block.size;
}
[[gnu::always_inline]] inline bool holds_stack(const KnownStatic& known) {
  return stack_pointer() - raw(known.base()) < known.record->size;
}

// The path to what is in a frame: a variable, or a slot.
[[gnu::noinline]] int format_path_in_frame(const void* obj, SelfProcess::Mode mode,
                                           const Answer& leaf, char* buf, size_t len) {
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(mode, here);
  const auto slot = allocs::query::slot_at(process, leaf, address_of(obj));
  TextWriter out(buf, len);
  const auto reader = allocs::query::object_reader(process);
  allocs::query::put_path_to_slot(out, leaf, address_of(obj),
                                  slot ? allocs::query::slot_name(*slot) : nullptr, &reader);
  return static_cast<int>(out.length());
}

// Looks at objects for a caller who has asked nobody yet.
[[gnu::noinline]] bool tell_in_self(const void*, const uniqtype& type, Address object, Address part,
                                    std::uint64_t distance, std::int64_t& offset) {
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(SelfProcess::Mode::wait, here);
  const auto reader = allocs::query::object_reader(process);
  return reader.tell != nullptr &&
         reader.tell(reader.context, type, object, part, distance, offset);
}
constexpr allocs::types::ObjectReader kReader{.tell = tell_in_self};

// A getter: the short roads, then the long one. `block` and `object` make the result of a KnownBlock (and its type, if that is asked for) and a KnownStatic, or nothing;
// `answer` makes it of an Answer.
template <Question kQuestion, typename OfBlock, typename OfStatic, typename OfAnswer>
[[gnu::always_inline]] inline auto get(const void* obj, OfBlock of_block, OfStatic of_static,
                                       OfAnswer of_answer,
                                       SelfProcess::Mode mode = SelfProcess::Mode::wait) {
  const Address at = address_of(obj);
  HeapLook look = HeapLook::block;  // not looked for: the long road does
  if (!g_statistics.takes_long_road()) [[likely]] {
    const allocs::query::Object* const executable = allocs::self::executable_at(at);
    if (executable != nullptr) {
      if (const auto known = allocs::self::static_in(executable, at);
          known && !holds_stack(*known)) {
        if (const auto result = of_static(*known)) return *result;
      }
      look = HeapLook::nothing_there;
    } else {
      KnownBlock block;
      look = allocs::self::look_in_heap(at, block);
      if (look == HeapLook::known_block && !holds_stack(block)) {
        if constexpr (kQuestion == Question::type || kQuestion == Question::path) {
          uniqtype* const type = block.type();
          if (type != nullptr || !allocs::self::has_virtual_tables()) [[likely]]
            return of_block(block, type);
        } else {
          return of_block(block);
        }
      }
      if (look == HeapLook::nothing_there) {
        const auto known = allocs::self::look_in_objects(at);
        if (known && !holds_stack(*known)) {
          if (const auto result = of_static(*known)) return *result;
        }
      }
    }
  }
  const auto here = allocs::runt::current_registers();
  return of_answer(ask_further(kQuestion, obj, look != HeapLook::nothing_there, here, mode));
}

int describe(const void* obj, char* buf, size_t len, SelfProcess::Mode mode,
             const allocs::runt::Registers& here) {
  const SelfProcess process(mode, here);
  const Answer answer = allocs::self::ask(process, address_of(obj));
  g_statistics.count(Question::description, answer);
  const auto slot = allocs::query::slot_at(process, answer, address_of(obj));
  TextWriter out(buf, len);
  const auto reader = allocs::query::object_reader(process);
  allocs::query::put_description(out, answer, address_of(obj), slot ? &*slot : nullptr, &reader);
  allocs::preload::put_holders(out, answer);
  return static_cast<int>(out.length());
}

[[gnu::noinline]] void add_type_by_referrers(const SelfProcess& process, const Answer& answer,
                                             alloc_info& out) {
  using allocs::query::Allocator;
  const bool is_block =
      answer.allocator == Allocator::lib_malloc || answer.allocator == Allocator::program_malloc;
  if (answer.error != ALLOC_OK || answer.type != nullptr || answer.is_empty || !is_block) return;
  Answer with_type = answer;
  allocs::preload::set_type_by_referrers(process, with_type);
  // It may have been freed meanwhile, and its referrers be those of the next block there.
  const Answer now = allocs::self::ask(process, answer.range.begin);
  const bool is_same = now.error == ALLOC_OK && now.allocator == answer.allocator &&
                       now.range == answer.range && now.site == answer.site;
  if (is_same) put_info(with_type, out);
}

}  // namespace

extern "C" {

ALLOCS_EXPORT struct allocator* alloc_get_allocator(const void* obj) {
  using allocs::preload::object_of;
  using allocs::query::Allocator;
  return get<Question::allocator>(
      obj,
      [](const KnownBlock&) {
        const auto kind = allocs::allocators::g_root.malloc_kind;
        return object_of(kind == allocs::index::MallocKind::libc ? Allocator::lib_malloc
                                                                 : Allocator::program_malloc);
      },
      [](const KnownStatic&) { return std::optional(object_of(Allocator::static_symbol)); },
      [](const Answer& answer) { return object_of(answer); });
}

ALLOCS_EXPORT void* alloc_get_base(const void* obj) {
  const Address base = get<Question::base>(
      obj, [](const KnownBlock& known) { return known.block.base; },
      [](const KnownStatic& known) { return std::optional(known.base()); },
      [](const Answer& answer) {
        return answer.error == ALLOC_OK ? answer.range.begin : Address{};
      });
  return const_cast<void*>(pointer(base));
}

ALLOCS_EXPORT size_t alloc_get_size(const void* obj) {
  return get<Question::size>(
      obj, [](const KnownBlock& known) { return known.block.size; },
      [](const KnownStatic& known) { return std::optional(known.size()); },
      [](const Answer& answer) {
        return answer.error != ALLOC_OK || answer.is_function ? 0 : size_of(answer);
      });
}

ALLOCS_EXPORT struct uniqtype* alloc_get_type(const void* obj) {
  return get<Question::type>(
      obj, [](const KnownBlock&, uniqtype* type) { return type; },
      [](const KnownStatic& known) {
        uniqtype* const type = known.type();
        return type != nullptr ? std::optional(type) : std::nullopt;
      },
      [](const Answer& answer) { return answer.type; });
}

ALLOCS_EXPORT const void* alloc_get_site(const void* obj) {
  const Address site = get<Question::site>(
      obj, [](const KnownBlock& known) { return known.site(); },
      [](const KnownStatic&) { return std::optional(Address{}); },
      [](const Answer& answer) { return answer.error == ALLOC_OK ? answer.site : Address{}; });
  return pointer(site);
}

ALLOCS_EXPORT int alloc_query(const void* obj, unsigned flags, struct alloc_info* out) {
  if (out == nullptr) return ALLOC_E_INVALID;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(mode_of(flags), here);
  const Answer answer = allocs::self::ask(process, address_of(obj));
  const bool is_nowait = (flags & ALLOC_NOWAIT) != 0;
  g_statistics.count(is_nowait ? Question::everything_nowait : Question::everything, answer);
  put_info(answer, *out);
  if ((flags & ALLOC_ASK_REFERRERS) != 0) [[unlikely]]
    add_type_by_referrers(process, answer, *out);
  return out->error;
}

ALLOCS_EXPORT const char* alloc_error_message(int error) {
  return allocs::query::error_message(error);
}

ALLOCS_EXPORT int alloc_describe(const void* obj, char* buf, size_t len) {
  const auto here = allocs::runt::current_registers();
  return describe(obj, buf, len, SelfProcess::Mode::no_wait, here);
}

ALLOCS_EXPORT int alloc_describe_wait(const void* obj, char* buf, size_t len) {
  const auto here = allocs::runt::current_registers();
  return describe(obj, buf, len, SelfProcess::Mode::wait, here);
}

ALLOCS_EXPORT int alloc_format_path(const void* obj, unsigned flags, char* buf, size_t len) {
  using allocs::query::PathLeaf;
  const auto put = [&](const PathLeaf& leaf) {
    TextWriter out(buf, len);
    const bool may_wait = mode_of(flags) == SelfProcess::Mode::wait;
    allocs::query::put_path(out, leaf, address_of(obj), may_wait ? &kReader : nullptr);
    return static_cast<int>(out.length());
  };
  return get<Question::path>(
      obj,
      [&](const KnownBlock& known, uniqtype* type) {
        const std::uint64_t size = known.block.size == 0 ? 1 : known.block.size;
        return put({.told = PathLeaf::Told::by_address,
                    .type = type,
                    .range = {known.block.base, known.block.base + size}});
      },
      [&](const KnownStatic& known) {
        const PathLeaf leaf{.told = PathLeaf::Told::by_name,
                            .name = known.name(),
                            .type = known.type(),
                            .range = {known.base(), known.end()}};
        const bool is_whole = leaf.type != nullptr && !known.object->image->is_damaged();
        return is_whole ? std::optional(put(leaf)) : std::nullopt;
      },
      [&](const Answer& answer) {
        if (answer.error == ALLOC_OK) {
          if (answer.allocator == allocs::query::Allocator::stackframe)
            return format_path_in_frame(obj, mode_of(flags), answer, buf, len);
          return put(PathLeaf::of(answer));
        }
        TextWriter(buf, len);
        return answer.error;
      },
      mode_of(flags));
}

ALLOCS_EXPORT int alloc_get_path(const void* obj, unsigned flags, struct alloc_path_entry* entries,
                                 size_t capacity) {
  if (entries == nullptr && capacity != 0) return ALLOC_E_INVALID;
  const auto here = allocs::runt::current_registers();
  const SelfProcess process(mode_of(flags), here);
  const Address at = address_of(obj);
  const Answer leaf = allocs::self::ask(process, at);
  g_statistics.count(Question::path, leaf);
  if (leaf.error != ALLOC_OK) return leaf.error;
  size_t count = 0;
  const auto add = [&](const alloc_path_entry& entry) {
    if (count < capacity) entries[count] = entry;
    ++count;
  };
  allocs::query::for_each_enclosing(process, leaf, at, [&](const Answer& link, const char* name) {
    add({.allocator = allocs::preload::object_of(link),
         .base = pointer(link.range.begin),
         .size = link.range.size(),
         .type = link.type,
         .name = name,
         .index = UINT64_MAX});
  });
  const auto reader = allocs::query::object_reader(process);
  allocs::query::for_each_subobject(
      leaf, at,
      [&](const allocs::types::Subobject& step, Address base) {
        add({.allocator = nullptr,
             .base = pointer(base),
             .size = step.size,
             .type = const_cast<uniqtype*>(step.type),
             .name = step.member,
             .index = step.index});
      },
      &reader);
  if (const auto slot = allocs::query::slot_at(process, leaf, at)) {
    add({.allocator = nullptr,
         .base = pointer(slot->range.begin),
         .size = slot->range.size(),
         .type = slot->type,
         .name = allocs::query::slot_name(*slot),
         .index = UINT64_MAX});
  }
  return static_cast<int>(count);
}

ALLOCS_QUERY_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)

}  // extern "C"
