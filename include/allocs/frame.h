/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCS_FRAME_H
#define ALLOCS_FRAME_H

#include "../allocs.h"

/* What lies where in a stack frame: variables, the registers that the function has saved for its callers, the return address, and what the frame has in registers; and which of
 * these certainly hold a pointer. A frame is where its function is: in the call that it makes, or, of a thread that was stopped or interrupted by a signal, at the next instruction.
 *
 * Saved registers and the return address are no members of a frame's type: where they are depends on how far the function has come. alloc_query says of such a slot that it
 * is in the frame, alloc_format_path and alloc_describe name it: "f::(return address)", "f::(saved rbx)". What a saved register holds is the caller's: its variable in that register,
 * if debug information has one there, or a further caller's, if those between have left the register alone. */

#ifdef __cplusplus
extern "C" {
#endif

enum alloc_frame_part {
  ALLOC_PART_REST = 0,       /* nothing tells what is there: temporaries, padding, arguments being put together */
  ALLOC_PART_VARIABLE,       /* a variable or an argument, or a part of one; a block of alloca */
  ALLOC_PART_SAVED_REGISTER, /* what a caller has in a register */
  ALLOC_PART_RETURN_ADDRESS, /* where the function returns to: an address of code */
  ALLOC_PART_REGISTER        /* what the frame has in a register, while the frame is not the innermost: what calls preserve */
};

/* As far as debug information goes: it says where a variable is, not whether it has been assigned a value yet. */
enum alloc_frame_holds {
  ALLOC_HOLDS_UNKNOWN = 0, /* cannot be told: no type; bytes, that may be anything; a union; a variable that is narrower than its register */
  ALLOC_HOLDS_POINTER,     /* certainly: a pointer or reference that begins there. Compilers may compute other variables from a register that holds one */
  ALLOC_HOLDS_NO_POINTER   /* certainly: something else lies there, and no pointer begins in it */
};

struct alloc_frame {
  const void *base;     /* its bytes: [base, end). An interrupted function may use 128 bytes below its stack pointer; those are counted */
  const void *end;      /* the canonical frame address */
  const void *caller;   /* an address in the caller's frame: behind the arguments that lie on the stack. To go on with */
  const void *pc;       /* a return address, unless it was interrupted */
  const char *function; /* NULL: not known. Lives as long as the process */
  const char *object;   /* path of what it is in; NULL: code that the program has made, or nothing that is known */
  int thread;           /* kernel id */
  int is_interrupted;   /* pc is the next instruction */
  uint64_t reserved[4];
};

struct alloc_frame_place {
  const void *at;       /* a multiple of 8. Of a register: where its value has been saved meanwhile; NULL: nowhere, it is still there */
  size_t size;          /* bytes: 8 of pointers, slots and registers; of others, neighbours of which the same is said are one place */
  int part;             /* enum alloc_frame_part */
  int holds;            /* enum alloc_frame_holds */
  int reg;              /* of a register, saved or not, its DWARF number (alloc_register_name); else -1 */
  int has_value;
  uint64_t value;       /* of pointers, slots and registers: the word there, if has_value */
  const char *function; /* whose variable it is: for a saved register a caller; NULL if none is known */
  const char *variable; /* its name, the first of several; NULL with a `function`: the frame pointer of that function, or a block of alloca in it */
  struct uniqtype *type; /* of the pointer, or of the variable in the register; NULL: not known */
  uint64_t reserved[4];
};

enum alloc_frame_flag {
  ALLOC_FRAME_AND_CALLERS = 8 /* of alloc_walk_frame: then those of its callers on the same stack, frame by frame outwards, as far as these can be told */
};

/* Called for each place; what it points to is valid during the call. Anything but 0 ends the walk. */
typedef int alloc_visit_frame_place(const struct alloc_frame *frame, const struct alloc_frame_place *place, void *context);

/* Calls visit for each place of the frame that contains `obj`, those in memory by address, then registers by number: those that calls preserve; where the function was interrupted all
 * but rsp. Of a frame of more than 64 MiB only saved registers, the return address and what it has in registers are told. Vector registers are not told, nor words that lie across a multiple of 8. Frames are those of the caller's thread, the function that makes this call being the innermost, and of threads that it has stopped
 * (allocs/stop.h). Returns 0 at the end, what the visitor returned if it ended the walk, or a negative enum alloc_error: ALLOC_E_INVALID, ALLOC_E_NOTHING_THERE (no frame is there),
 * ALLOC_E_OTHER_THREAD, ALLOC_E_NO_UNWIND. May wait for metadata like the plain getters; with ALLOC_NOWAIT async-signal-safe, if the visitor is: then types that have not been needed yet are not known.
 * To find a frame takes longer the further out it is. With ALLOC_FRAME_AND_CALLERS all its callers take no longer than that together; what they have in registers is what it was when the walk came to the frame. */
int alloc_walk_frame(const void *obj, unsigned flags, alloc_visit_frame_place *visit, void *context);

#ifdef __cplusplus
}
#endif

#endif
