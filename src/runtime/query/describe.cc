// SPDX-License-Identifier: Apache-2.0
#include "runtime/query/describe.h"

namespace allocs::query {

const char* error_message(int error) {
  switch (error) {
    case ALLOC_OK:
      return "success";
    case ALLOC_E_NOTHING_THERE:
      return "nothing is allocated there";
    case ALLOC_E_NO_METADATA:
      return "the object has no metadata";
    case ALLOC_E_NOT_YET:
      return "what tells it has not been read yet";
    case ALLOC_E_NO_TYPE:
      return "the metadata does not tell the type";
    case ALLOC_E_UNINDEXED:
      return "allocated where the index does not see";
    case ALLOC_E_BEING_RESIZED:
      return "the block is being resized by another thread";
    case ALLOC_E_OTHER_THREAD:
      return "a slot of another running thread's stack";
    case ALLOC_E_NO_UNWIND:
      return "the stack cannot be unwound that far";
    case ALLOC_E_CONFLICT:
      return "the evidence for a type contradicts itself";
    case ALLOC_E_NO_RUNTIME:
      return "the run time is not loaded: preload liballocs_preload.so";
    case ALLOC_E_NO_MEMORY:
      return "out of memory";
    case ALLOC_E_INVALID:
      return "invalid argument";
    case ALLOC_E_IN_WRAPPER:
      return "allocated in a wrapper, whose caller could not be told";
    case ALLOC_E_NO_SUCH_OPERATION:
      return "the operation has no meaning for that allocator";
    case ALLOC_E_OF_OBJECT:
      return "part of a loaded object: it comes and goes with dlopen and dlclose";
    case ALLOC_E_OF_THREAD:
      return "part of a thread: it comes and goes with the thread";
    case ALLOC_E_OF_FRAME:
      return "part of a stack frame: it goes when the function returns";
    case ALLOC_E_OF_KERNEL:
      return "made by the kernel for the life of the program";
    case ALLOC_E_OF_RUN_TIME:
      return "memory of the loader, of the C library or of liballocs itself";
    case ALLOC_E_HAS_CHILDREN:
      return "other allocations lie in it";
    case ALLOC_E_NO_ROOM:
      return "it cannot grow where it is, and was not allowed to move";
    case ALLOC_E_DOES_NOT_FIT:
      return "the type is larger than the allocation";
    case ALLOC_E_NO_IDENTITY:
      return "an anonymous mapping would not be known again: make it with alloc_new";
    case ALLOC_E_REFUSED:
      return "the kernel, the C library or the size of the file does not allow it";
    case ALLOC_E_MALFORMED:
      return "the memory does not hold what it is said to be";
    case ALLOC_E_STOPPED:
      return "not while other threads are stopped, which may hold malloc's locks";
    case ALLOC_E_WILL_NOT_STOP:
      return "a thread would not stop";
    case ALLOC_E_THREADS_RUN:
      return "other threads run, and no signal was named to stop them with";
    case ALLOC_E_OBSTACLE:
      return "something may refer to it that cannot be rewritten, or cannot be looked into";
    case ALLOC_E_HELD:
      return "others hold it, and have its address";
    case ALLOC_E_NOT_HELD:
      return "that holder does not hold it";
    case ALLOC_E_PRIVATE:
      return "the file is mapped privately: what is written there does not reach it";
    case ALLOC_E_READ_ONLY:
      return "the mapping does not allow writing";
    default:
      return "unknown error";
  }
}

const char* grade_word(std::uint8_t grade) {
  switch (grade) {
    case ALLOC_GRADE_WEAK:
      return "weak";
    case ALLOC_GRADE_PLAUSIBLE:
      return "plausible";
    case ALLOC_GRADE_STRONG:
      return "strong";
    case ALLOC_GRADE_EXACT:
      return "exact";
    default:
      return "none";
  }
}

void put_evidence(TextWriter& out, std::uint32_t evidence) {
  constexpr struct {
    std::uint32_t bit;
    const char* word;
  } kWords[] = {
      {ALLOC_EV_HEAP_INDEX, "heap index"},
      {ALLOC_EV_UNWIND, "call frame information"},
      {ALLOC_EV_LINK_MAP, "link map"},
      {ALLOC_EV_THREAD_TABLE, "thread table"},
      {ALLOC_EV_KERNEL, "kernel"},
      {ALLOC_EV_ELF_SYMBOL, "ELF symbol"},
      {ALLOC_EV_SECTION, "section headers"},
      {ALLOC_EV_PERF_MAP, "perf map"},
      {ALLOC_EV_CODE_REFERENCE, "references in the code"},
      {ALLOC_EV_DEBUG_INFORMATION, "debug information"},
      {ALLOC_EV_SITE_NEW, "new-expression"},
      {ALLOC_EV_SITE_TARGET, "target of the allocating call"},
      {ALLOC_EV_SITE_SIZE, "size that fits"},
      {ALLOC_EV_SITE_USE, "used as that"},
      {ALLOC_EV_STATED, "stated by the program"},
      {ALLOC_EV_LIBRARY_FACT, "known of the library"},
      {ALLOC_EV_FRAME_RECORD, "record in the frame"},
      {ALLOC_EV_CALL_ENTRY, "allocated type of the call"},
      {ALLOC_EV_VIRTUAL_TABLE, "virtual table"},
      {ALLOC_EV_REFERRER, "pointers to it"},
      {ALLOC_EV_SHARED_BYTES, "shares bytes with another"},
  };
  bool first = true;
  for (const auto& [bit, word] : kWords) {
    if ((evidence & bit) == 0) continue;
    if (!first) out.put(", ");
    out.put(word);
    first = false;
  }
}

namespace {

// Of this process's own allocators there are objects; only there they are told.
const char* name_of_allocator(const Answer& answer) {
  const auto* const own = static_cast<const allocator*>(answer.owner);
  const bool has_name = answer.allocator == Allocator::registered && own != nullptr;
  return has_name && own->name != nullptr ? own->name : row_of(answer.allocator).name;
}

void put_what(TextWriter& out, const Answer& answer) {
  out.put(name_of_allocator(answer)).put(" allocation ");
  if (answer.name != nullptr && *answer.name != '\0') out.put('"').put(answer.name).put("\" ");
  out.put("at ").hexadecimal(raw(answer.range.begin)).put(", ");
  out.decimal(answer.is_empty ? 0 : answer.range.size()).put(" bytes");
  if (answer.thread != 0) out.put(", thread ").decimal(static_cast<unsigned>(answer.thread));
}

void put_type(TextWriter& out, const Answer& answer) {
  if (answer.type == nullptr) {
    out.put("; type unknown: ").put(error_message(answer.type_error));
    return;
  }
  out.put("; type ");
  types::put_human_name(out, answer.type);
  out.put(" (").put(grade_word(answer.type_grade)).put(')');
}

}  // namespace

void put_end_of_walk(TextWriter& out, const Answer& answer) {
  out.put(": no rule at ").hexadecimal(raw(answer.site));
  if (answer.site_function != nullptr) out.put(" in ").put(answer.site_function);
  if (answer.site_object != nullptr) out.put(" of ").put(answer.site_object);
}

void put_description(TextWriter& out, const Answer& answer, Address at, const FramePlace* slot,
                     const types::ObjectReader* reader) {
  out.hexadecimal(raw(at)).put(": ");
  if (answer.error != ALLOC_OK) {
    out.put(answer.error == ALLOC_E_NOTHING_THERE ? "" : "cannot tell: ")
        .put(error_message(answer.error));
    if (answer.error == ALLOC_E_UNINDEXED && answer.allocator != Allocator::none)
      out.put(", perhaps by ").put(row_of(answer.allocator).name);
    if (answer.error == ALLOC_E_NO_UNWIND && answer.site != Address{}) put_end_of_walk(out, answer);
    return;
  }
  const std::uint64_t offset = at - answer.range.begin;
  if (offset != 0) out.decimal(offset).put(" bytes into ");
  put_what(out, answer);
  put_type(out, answer);
  if (answer.type != nullptr || slot != nullptr) {
    out.put("; path ");
    put_path_to_slot(out, answer, at, slot == nullptr ? nullptr : slot_name(*slot), reader);
  }
  if (slot != nullptr && (slot->is_frame_pointer || slot->variable != nullptr)) {
    out.put(", which holds ");
    put_occupant(out, *slot);
  }
  if (answer.site != Address{}) {
    out.put("; site ").hexadecimal(raw(answer.site));
    if (answer.site_function != nullptr) out.put(" in ").put(answer.site_function);
    if (answer.site_object != nullptr) out.put(" of ").put(answer.site_object);
  }
  out.put("; evidence: ");
  put_evidence(out, answer.evidence);
}

}  // namespace allocs::query
