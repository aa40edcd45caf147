// SPDX-License-Identifier: Apache-2.0
#include "allocs/stop.h"

#include "base/export.h"
#include "base/public_names.h"
#include "elf/cfi.h"
#include "runtime/preload/info.h"
#include "runtime/preload/stop_report.h"
#include "runtime/self/stopped_threads.h"

// The public functions of <allocs/stop.h>.

namespace {

using allocs::preload::pointer;
using allocs::self::StoppedThread;

alloc_stopped_thread in_terms_of_c(const StoppedThread& thread) {
  const allocs::runt::Registers registers = thread.registers();
  const allocs::AddressRange frame = thread.frame();
  alloc_stopped_thread told{};
  static_assert(sizeof told.registers == sizeof registers.value);
  told.thread = thread.tid;
  told.pc = pointer(registers.pc());
  told.sp = pointer(registers.sp());
  told.signal_frame = pointer(frame.begin);
  told.signal_frame_end = pointer(frame.end);
  for (unsigned i = 0; i < allocs::elf::kRegisterCount; ++i) told.registers[i] = registers.value[i];
  return told;
}

}  // namespace

extern "C" {

ALLOCS_EXPORT int alloc_stop_others(int signal, unsigned timeout_ms,
                                    struct alloc_stop_report* report) {
  const allocs::self::StopOutcome outcome = allocs::self::stop_others(signal, timeout_ms);
  if (report != nullptr) allocs::preload::put_stop_report(outcome, *report);
  return outcome.error;
}

ALLOCS_EXPORT int alloc_resume_others(void) { return allocs::self::resume_others(); }

ALLOCS_EXPORT int alloc_walk_stopped(alloc_visit_stopped* visit, void* context) {
  if (visit == nullptr || !allocs::self::have_stopped_others()) return ALLOC_E_INVALID;
  int result = 0;
  allocs::self::for_each_stopped_thread([&](const StoppedThread& thread) {
    const alloc_stopped_thread told = in_terms_of_c(thread);
    result = visit(&told, context);
    return result == 0;
  });
  return result;
}

ALLOCS_EXPORT const char* alloc_register_name(int number) {
  return number < 0 || number >= allocs::elf::kRegisterCount ? "?"
                                                             : allocs::elf::kRegisterNames[number];
}

ALLOCS_STOP_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)
}
