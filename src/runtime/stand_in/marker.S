/* SPDX-License-Identifier: Apache-2.0
 *
 * lib/allocs/marker.o: a note that says "the file of this object may have a metadata image in its section .allocs". The run time
 * sees it in the program headers, which are in memory, and opens no file for objects without it. See base/note_types.h. */
	.section .note.allocs, "a", @note
	.balign	4
	.long	10	/* bytes of the owner */
	.long	4	/* bytes of the descriptor */
	.long	2	/* kMarkerNote */
	.asciz	"liballocs"
	.balign	4
	.long	1
	.section .note.GNU-stack, "", @progbits
