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
	/* The linker gives a program only those properties that all its objects have: this one has no code to break IBT and SHSTK. */
	.section .note.gnu.property, "a", @note
	.balign	8
	.long	4	/* bytes of the owner */
	.long	16	/* bytes of the descriptor */
	.long	5	/* NT_GNU_PROPERTY_TYPE_0 */
	.asciz	"GNU"
	.long	0xc0000002	/* GNU_PROPERTY_X86_FEATURE_1_AND */
	.long	4
	.long	3
	.long	0
	.section .note.GNU-stack, "", @progbits
