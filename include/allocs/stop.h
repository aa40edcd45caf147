/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCS_STOP_H
#define ALLOCS_STOP_H

#include "../allocs.h"

/* Stopping the other threads. Questions need none of this: what they tell of running threads was true at some moment. A walk over memory that stands
 * still tells of one moment, and moving an allocation (allocs/move.h) is only possible then.
 *
 * Each other thread is sent a signal, and waits in its handler until it is resumed. No signal is the run time's own, so the caller names one that
 * the program does not use: best one of SIGRTMIN to SIGRTMAX, of which each is delivered. Its action must be SIG_DFL or SIG_IGN, and is that again afterwards.
 * A signal of that number that somebody else sends meanwhile is delivered to the process after the threads were resumed (as far as it can be told
 * apart: one of the standard signals may be merged with ours, and the thread then does not stop).
 *
 * What a thread does that
 * - blocks the signal, or waits in vfork: it is waited for as long as the caller allows; then nobody is stopped, and the report says who would not
 *   stop, and why. Its pending signal is taken back, with all others of that number;
 * - ends meanwhile, or ended and is not joined: it counts as gone;
 * - is started meanwhile: it is stopped as well. When alloc_stop_others returns there is no thread but the caller's that could start one;
 * - works for the kernel (io_uring): it runs none of the program's code, and is let alone. What the kernel writes on the program's behalf
 *   (io_uring, aio) goes on, and so do other processes that share the memory (vfork's children, MAP_SHARED);
 * - forks: what it was about to fork is a process of its own, and does not stop. In a child that the C library forks the action is as it was before. In others (raw fork or clone, or a fork that was under way when
 *   threads were first stopped) the run time's action is there until the signal comes or this library's functions are used for stopping; a child of vfork keeps it until it has called exec, which sets it to SIG_DFL;
 * - sleeps in the kernel: the call is restarted afterwards where the kernel can do that, and fails with EINTR where signal(7) says that handlers make it
 *   do so (poll, nanosleep, sem_timedwait...).
 *
 * The handler runs on the thread's alternate signal stack, if it has one (sigaltstack), and the kernel puts the thread's registers there, those of vectors included.
 * An alternate stack that is smaller than that frame, which has sysconf(_SC_MINSIGSTKSZ) bytes, is of no use: at any signal that is handled there, whoever
 * sends it, the kernel kills the process with SIGSEGV instead. The constant MINSIGSTKSZ (2048) is too small on processors with AVX-512, SIGSTKSZ (8192) on those with
 * AMX. So give threads alternate stacks of sysconf(_SC_SIGSTKSZ) bytes.
 *
 * While threads are stopped, the caller may ask about their frames as about its own: addresses on their stacks are told by frame, variable and type (alloc_query and
 * the rest), and frames are children of their stacks (allocs/allocator.h).
 *
 * While threads are stopped, what they hold stays held: the locks of malloc, of stdio, of the dynamic linker. So call nothing that may take one: async-signal-safe
 * functions, and of this library everything but what needs malloc. That (alloc_new, alloc_free and alloc_resize on blocks of malloc) is refused with
 * ALLOC_E_STOPPED. Functions that wait do so for a bounded time, and may learn less: of an object that is loaded or unloaded by a stopped
 * thread, or whose metadata one of them was about to read. The allocators that the program has registered are asked with ALLOC_NOWAIT. Do not fork, do not end the
 * thread. */

#ifdef __cplusplus
extern "C" {
#endif

enum alloc_stop_reason {
  ALLOC_STOPS = 0,
  ALLOC_STOP_BLOCKED, /* it blocks the signal */
  ALLOC_STOP_SILENT,  /* it has not answered: it waits in vfork or elsewhere in the kernel, or is traced */
  ALLOC_STOP_ENDLESS  /* new threads are started faster than they can be stopped */
};

struct alloc_stop_report {
  unsigned threads; /* that are stopped */
  int thread;       /* kernel id of one that would not stop; 0 if there is none */
  int reason;       /* enum alloc_stop_reason: why */
  uint64_t reserved[3];
};

/* Stops all other threads, within some `timeout_ms` (0: a second). Fills *report, if it is not NULL. On failure all threads run: ALLOC_E_INVALID (not a signal
 * that can be used for this: those of faults, SIGKILL, SIGSTOP, SIGABRT, the C library's own), ALLOC_E_REFUSED (the program handles the signal; a seccomp
 * sandbox; no /proc), ALLOC_E_WILL_NOT_STOP (see the report), ALLOC_E_STOPPED (they are stopped already, by this thread), ALLOC_E_NOT_YET (another thread
 * stops and resumes them all the time), ALLOC_E_NO_MEMORY. Not for signal handlers. */
int alloc_stop_others(int signal, unsigned timeout_ms, struct alloc_stop_report *report);

/* Lets them run again. ALLOC_E_INVALID: this thread has not stopped them. In a child that was forked past the C library meanwhile it gives the signal back; in others that is
 * done, and this is ALLOC_E_INVALID.
 * Async-signal-safe. */
int alloc_resume_others(void);

/* A thread that is stopped. Walks of the graph (allocs/walk.h) take its registers for roots, and of its stack what is in use. */
struct alloc_stopped_thread {
  int thread;              /* kernel id */
  const void *pc;          /* where it was interrupted */
  const void *sp;
  const void *signal_frame; /* where its registers, those of vectors included, lie meanwhile, up to `signal_frame_end` */
  const void *signal_frame_end;
  uint64_t registers[17];  /* by DWARF number: rax, rdx, rcx, rbx, rsi, rdi, rbp, rsp, r8 to r15, rip */
  uint64_t reserved[4];
};
typedef int alloc_visit_stopped(const struct alloc_stopped_thread *thread, void *context);

/* Calls visit for each stopped thread. Returns 0, what the visitor returned if it ended the walk, or ALLOC_E_INVALID: no visitor, or this thread has
 * not stopped the others. Async-signal-safe, if the visitor is. */
int alloc_walk_stopped(alloc_visit_stopped *visit, void *context);

/* The name of a register by its DWARF number ("rbx"); "?" for others. Static text. Async-signal-safe. */
const char *alloc_register_name(int number);

#ifdef __cplusplus
}
#endif

#endif
