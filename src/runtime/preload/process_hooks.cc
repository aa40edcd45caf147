// SPDX-License-Identifier: Apache-2.0
#include "base/export.h"
#include "runtime/allocators/loader_list.h"
#include "runtime/allocators/module_recorder.h"
#include "runtime/allocators/thread_recorder.h"
#include "runtime/preload/start.h"
#include "runtime/self/statistics.h"

// What else is interposed: the birth of a thread, and the finalisers of an object that is about to be unloaded.

using namespace allocs;

extern "C" {

ALLOCS_EXPORT int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                 void* (*start)(void*), void* argument) {
  return allocators::create_thread(thread, attributes, start, argument,
                                   [] { self::g_statistics.take_long_road(); });
}

ALLOCS_EXPORT void __cxa_finalize(void* handle) {
  if (handle != nullptr && allocators::has_known_loader()) allocators::module_is_closing(handle);
  preload::next_cxa_finalize(handle);
}

}  // extern "C"
