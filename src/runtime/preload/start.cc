// SPDX-License-Identifier: Apache-2.0
#include "runtime/preload/start.h"

#include "base/address.h"
#include "runtime/allocators/loader_list.h"
#include "runtime/allocators/malloc_family.h"
#include "runtime/allocators/module_recorder.h"
#include "runtime/allocators/operators.h"
#include "runtime/allocators/other_names.h"
#include "runtime/allocators/sandbox.h"
#include "runtime/allocators/state.h"
#include "runtime/allocators/thread_recorder.h"
#include "runtime/preload/allocator_objects.h"
#include "runtime/self/self_process.h"
#include "runtime/self/statistics.h"

// The order in which the run time starts. Hooks came by before, and were served: the loader's own mallocs, and the constructors
// of objects that are initialised earlier.
namespace allocs::preload {

using namespace allocators;

namespace {

using Finalize = void (*)(void*);
constinit Finalize g_next_cxa_finalize = nullptr;
constinit PrctlFunction g_next_prctl = nullptr;
extern "C" {
__attribute__((visibility("hidden"))) constinit SyscallFunction allocs_next_syscall = nullptr;
}

template <typename Function>
void find(Function& function, const SymbolName& name) {
  function = reinterpret_cast<Function>(next_definition_of(name));
}

[[gnu::constructor(101)]] void start(int, char** arguments, char** environment) {
  if (!has_known_loader()) return;
  find_malloc_family();
  find(g_next_cxa_finalize, "__cxa_finalize");
  // What every process calls has its next from here on; the others are found when they are called.

  g_root.initial_stack = address_of(arguments - 1);
  register_main_thread(arguments);
  refresh_modules();
  objects_of_program_stay();
  watch_other_names();
  // The tables are true from here on.

  self::open(environment);
  self::g_statistics.open(environment);
  adopt_objects_of_program();
}

// After the finalisers of all that was initialised later.
[[gnu::destructor(101)]] void stop() {
  if (self::g_statistics.is_on() && !is_sandboxed()) self::g_statistics.close();
}

}  // namespace

void next_cxa_finalize(void* handle) {
  if (g_next_cxa_finalize == nullptr) find(g_next_cxa_finalize, "__cxa_finalize");
  if (g_next_cxa_finalize != nullptr) g_next_cxa_finalize(handle);
}

PrctlFunction next_prctl() {
  if (g_next_prctl == nullptr) find(g_next_prctl, "prctl");
  return g_next_prctl;
}

SyscallFunction next_syscall() {
  if (allocs_next_syscall == nullptr) find(allocs_next_syscall, "syscall");
  return allocs_next_syscall;
}

}  // namespace allocs::preload
