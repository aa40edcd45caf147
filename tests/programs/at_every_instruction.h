// SPDX-License-Identifier: Apache-2.0
// Code that is interrupted after each of its instructions: with the processor's trap flag set, SIGTRAP comes. Nothing is left to
// chance, so that a race with one change of hands is tried in every way there is. Not for functions that block SIGTRAP.
#pragma once
#include <signal.h>
#include <ucontext.h>

// What is called after each instruction, and may end the stepping by end_stepping(context).
static void (*g_on_instruction)(ucontext_t* context);
static volatile long g_instructions;

static void on_trap(int signal, siginfo_t* info, void* context) {
  (void)signal, (void)info;
  ++g_instructions;
  g_on_instruction((ucontext_t*)context);
}
static void end_stepping(ucontext_t* context) { context->uc_mcontext.gregs[REG_EFL] &= ~0x100l; }
static void watch_instructions(void (*on_instruction)(ucontext_t* context)) {
  struct sigaction action = {0};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO;
  g_on_instruction = on_instruction;
  sigaction(SIGTRAP, &action, NULL);
}
#define ALLOCS_FLAGS(change)                                     \
  __asm__ volatile("lea -128(%%rsp), %%rsp\n\tpushfq\n\t" change \
                   "\n\tpopfq\n\t"                               \
                   "lea 128(%%rsp), %%rsp" ::                    \
                       : "cc", "memory")
static inline void start_stepping(void) { ALLOCS_FLAGS("orq $0x100, (%%rsp)"); }
static inline void stop_stepping(void) { ALLOCS_FLAGS("andq $~0x100, (%%rsp)"); }
