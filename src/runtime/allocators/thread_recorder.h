// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <cstdint>

#include "runtime/allocators/state.h"
#include "runtime/index/records.h"

// The writing half of the thread table.
//
// A thread made by pthread_create gets its record from its creator and completes it when it starts; the main thread is
// registered at start-up; any other thread (clone, SIGEV_THREAD, thrd_create) registers when it asks its first question. A
// thread of ours that ends, in whatever way, marks its record when the destructors of its thread-specific data run. The record of another goes
// when another thread has its thread pointer, or when the kernel, asked before the table grows, does not know it.
namespace allocs::allocators {

// Functions of the C library that have other versions elsewhere, found when they are first called; each may be nullptr.
struct PthreadFunctions {
  int (*create)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  int (*attr_getstack)(const pthread_attr_t*, void**, std::size_t*);
  int (*getattr_default)(pthread_attr_t*);
  int (*attr_destroy)(pthread_attr_t*);
  int (*key_create)(pthread_key_t*, void (*)(void*));
  int (*setspecific)(pthread_key_t, const void*);
};
extern ALLOCS_OWN PthreadFunctions g_pthread;

// The whole of pthread_create. `lends_stack` is called before there is a thread that the program has given a block of malloc, or a variable, as its stack. Context:
// hook (as far as pthread_create is).
int create_thread(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                  void* argument, void (*lends_stack)());

// Has it been called? Context: signal.
bool are_stacks_lent();

// Context: init.
void register_main_thread(const void* initial_stack);

// The record of the calling thread, made if there is none; nullptr when the table is full. In a forked child the first
// call empties the parent's table.
// Context: signal. At most three system calls the first time, none later.
const index::ThreadRecord* current_thread();

}  // namespace allocs::allocators
