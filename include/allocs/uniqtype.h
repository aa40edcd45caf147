/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOCS_UNIQTYPE_H
#define ALLOCS_UNIQTYPE_H

#include <stddef.h>
#include <stdint.h>

/* A uniqtype describes a data type. There is one object per distinct type per process, so that types are equal exactly when
 * their addresses are. Uniqtypes live as long as the process and are never written after a query has handed them out.
 *
 * The fields below may be read directly. What they cannot hold (64-bit sizes, names, enumerators, declarations) is reached
 * through the uniqtype_* functions. Every function here is async-signal-safe unless it says otherwise. */

#ifdef __cplusplus
extern "C" {
#endif

struct uniqtype;
struct uniqtype_record; /* private */

enum uniqtype_kind {
  UNIQTYPE_KIND_VOID = 0x0,
  UNIQTYPE_KIND_ARRAY = 0x1, /* any kind with the lowest bit set */
  UNIQTYPE_KIND_BASE = 0x2,
  UNIQTYPE_KIND_ENUMERATION = 0x4,
  UNIQTYPE_KIND_COMPOSITE = 0x6, /* structure, union, class, stack frame */
  UNIQTYPE_KIND_ADDRESS = 0x8,   /* pointer, reference, pointer to member */
  UNIQTYPE_KIND_SUBPROGRAM = 0xa,
  UNIQTYPE_KIND_SUBRANGE = 0xc
};

/* One slot of `related`; what it means depends on the kind of the type. */
struct uniqtype_rel_info {
  union {
    struct { /* element, pointee, host, return type, argument */
      struct uniqtype *ptr;
    } t;
    struct { /* member of a composite, in order of offset */
      struct uniqtype *ptr;
      unsigned long off : 56; /* of a virtual base: so many bytes below where its object's first word points lies the distance to it from the object; all ones: not known */
      unsigned long is_absolute_address : 1;
      unsigned long may_be_invalid : 1; /* no constant offset: a virtual base */
    } memb;
    struct { /* after the last member: the members' names */
      const char **n;
    } memb_names;
    struct {
      int64_t val;
    } enumerator;
  } un;
};

#define UNIQTYPE_POS_MAXOFF_UNBOUNDED 0xffffffffu
#define UNIQTYPE_ARRAY_LENGTH_UNBOUNDED 0x7fffffffu

/* C++ has arrays without a length as an extension only, and clang asks for more than __extension__. */
#if defined(__clang__) && defined(__cplusplus)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc99-extensions"
#endif
struct uniqtype {
  struct uniqtype_record *record;
  unsigned pos_maxoff; /* size in bytes; UNIQTYPE_POS_MAXOFF_UNBOUNDED: unbounded, unknown or 4 GiB and more */
  union {
    struct {
      unsigned kind : 4;
    } info;
    struct {
      unsigned is_array : 1;
      unsigned nelems : 31;
    } array;
    struct {
      unsigned kind : 4;
      unsigned enc : 6; /* DW_ATE_*; 0 for an uninterpreted byte */
      unsigned one_plus_log_bit_size_delta : 4;
      signed bit_size_delta_delta : 8;
      signed bit_off : 10;
    } base;
    struct {
      unsigned kind : 4;
      unsigned is_contiguous : 1;
      unsigned is_log_spaced : 1;
      unsigned nenum : 26;
    } enumeration;
    struct {
      unsigned kind : 4;
      unsigned nmemb : 20;
      unsigned not_simultaneous : 1; /* a union */
    } composite;
    struct {
      unsigned kind : 4;
      unsigned indir_level : 5; /* 1 for a pointer to a non-pointer */
      unsigned genericity : 1;
      unsigned log_min_align : 6;
    } address;
    struct {
      unsigned kind : 4;
      unsigned narg : 10;
      unsigned nret : 10;
      unsigned is_va : 1;
      unsigned cc : 7;
    } subprogram;
    struct {
      unsigned kind : 4;
      unsigned min : 14;
      unsigned max : 14;
    } subrange;
    unsigned as_word;
  } un;
  /* Not NULL for a type whose extent comes from the memory it is found in: an unbounded array. */
  struct uniqtype *(*make_precise)(struct uniqtype *in, struct uniqtype *out, unsigned long out_len, void *obj,
                                   void *alloc_base, unsigned long alloc_size, void *ip, void *context);
  /* array: [0] element.  base: [0] the type of the other signedness or NULL.  enumeration: [0] base type, then enumerators.
   * composite: members, then their names.  address: [0] target, [1] what is left when all indirections are followed.
   * subprogram: [0] return type, then arguments.  subrange: [0] host.  There is always at least one slot. */
  __extension__ struct uniqtype_rel_info related[];
};
#if defined(__clang__) && defined(__cplusplus)
#pragma clang diagnostic pop
#endif

/* Do numbers of that base type, or of that enumeration, have the most significant byte first? They may even on a machine that has it last: the debug information can say so of members
 * (gcc's scalar_storage_order), and files of other machines have such numbers (allocs/elf_file.h). 0 or 1; 0 of other types, and of one byte. Bit-fields: the bits
 * of UNIQTYPE_BASE_TYPE_BIT_OFFSET count from the lowest of the number that the whole unit is in that order. */
int uniqtype_is_big_endian(const struct uniqtype *u);

/* The canonical name, the same for equal types: "int$32", "__PTR_signed_char$8", "foo". For NULL it is "(no type)".
 * The text lives as long as the process. */
const char *uniqtype_name(const struct uniqtype *u);

/* The size in bytes; SIZE_MAX if it is unknown or depends on the memory. */
size_t uniqtype_size(const struct uniqtype *u);

/* The type as its language writes it ("char *[2]", "struct foo"). Works like snprintf: writes at most `len` bytes with a final
 * NUL and returns the length that the whole text has. */
int uniqtype_describe(const struct uniqtype *u, char *buf, size_t len);

/* "__uniqtype__" and the name, mangled to the letters of an ELF symbol; like snprintf. */
int uniqtype_symbol_name(const struct uniqtype *u, char *buf, size_t len);

/* The name of member `index` ("" if it has none); NULL if there is no such member. */
const char *uniqtype_member_name(const struct uniqtype *u, unsigned index);

/* The type as the source spells it at member `index` (a typedef's name), or NULL where that is the type's own name. */
const char *uniqtype_member_alias(const struct uniqtype *u, unsigned index);

/* The name of enumerator `index`; NULL if there is none. */
const char *uniqtype_enumerator_name(const struct uniqtype *u, unsigned index);

/* Where the type is declared: the file as the compiler was told it, NULL if unknown; the line goes to *line (may be NULL). */
const char *uniqtype_declaration(const struct uniqtype *u, unsigned *line);

/* The type of that canonical name, alias ("size_t") or original symbol spelling, among the objects whose metadata has
 * been read so far, and else in all loaded objects. NULL if there is none. May wait like the plain getters; not for signal
 * handlers. */
struct uniqtype *uniqtype_by_name(const char *name);

/* Derived types: made at most once per process. `uniqtype_array_of(u, SIZE_MAX)` is the array without a length. NULL for
 * a NULL argument or when memory runs out. Not for signal handlers. */
struct uniqtype *uniqtype_pointer_to(struct uniqtype *u);
struct uniqtype *uniqtype_array_of(struct uniqtype *u, size_t count);

#define UNIQTYPE_NAME(u) uniqtype_name(u)
#define NAME_FOR_UNIQTYPE(u) uniqtype_name(u)
#define UNIQTYPE_KIND(u) \
  ((enum uniqtype_kind)((u)->un.array.is_array ? (unsigned)UNIQTYPE_KIND_ARRAY : (u)->un.info.kind))
#define UNIQTYPE_SIZE_IN_BYTES(u) ((u)->pos_maxoff)
#define UNIQTYPE_HAS_KNOWN_LENGTH(u) ((u)->pos_maxoff != UNIQTYPE_POS_MAXOFF_UNBOUNDED)
#define UNIQTYPE_IS_ARRAY_TYPE(u) ((u)->un.array.is_array)
#define UNIQTYPE_ARRAY_LENGTH(u) \
  (!UNIQTYPE_IS_ARRAY_TYPE(u) || (u)->un.array.nelems == UNIQTYPE_ARRAY_LENGTH_UNBOUNDED ? -1 : (int)(u)->un.array.nelems)
#define UNIQTYPE_ARRAY_ELEMENT_TYPE(u) (UNIQTYPE_IS_ARRAY_TYPE(u) ? (u)->related[0].un.t.ptr : (struct uniqtype *)0)
#define UNIQTYPE_IS_BASE_TYPE(u) (UNIQTYPE_KIND(u) == UNIQTYPE_KIND_BASE)
#define UNIQTYPE_IS_ENUM_TYPE(u) (UNIQTYPE_KIND(u) == UNIQTYPE_KIND_ENUMERATION)
#define UNIQTYPE_IS_BASE_OR_ENUM_TYPE(u) (UNIQTYPE_IS_BASE_TYPE(u) || UNIQTYPE_IS_ENUM_TYPE(u))
#define UNIQTYPE_ENUM_BASE_TYPE(u) ((u)->related[0].un.t.ptr)
#define UNIQTYPE_IS_COMPOSITE_TYPE(u) (UNIQTYPE_KIND(u) == UNIQTYPE_KIND_COMPOSITE)
#define UNIQTYPE_COMPOSITE_MEMBER_COUNT(u) (UNIQTYPE_IS_COMPOSITE_TYPE(u) ? (u)->un.composite.nmemb : 0u)
#define UNIQTYPE_COMPOSITE_SUBOBJ_NAMES(u) ((u)->related[(u)->un.composite.nmemb].un.memb_names.n)
#define UNIQTYPE_HAS_SUBOBJECTS(u) (UNIQTYPE_IS_ARRAY_TYPE(u) || UNIQTYPE_IS_COMPOSITE_TYPE(u))
#define UNIQTYPE_IS_POINTER_TYPE(u) (UNIQTYPE_KIND(u) == UNIQTYPE_KIND_ADDRESS)
#define UNIQTYPE_POINTEE_TYPE(u) (UNIQTYPE_IS_POINTER_TYPE(u) ? (u)->related[0].un.t.ptr : (struct uniqtype *)0)
#define UNIQTYPE_ULTIMATE_POINTEE_TYPE(u) (UNIQTYPE_IS_POINTER_TYPE(u) ? (u)->related[1].un.t.ptr : (struct uniqtype *)0)
#define UNIQTYPE_IS_SUBPROGRAM_TYPE(u) (UNIQTYPE_KIND(u) == UNIQTYPE_KIND_SUBPROGRAM)
#define UNIQTYPE_SUBPROGRAM_ARG_COUNT(u) ((u)->un.subprogram.narg)
#define UNIQTYPE_IS_SUBRANGE_TYPE(u) (UNIQTYPE_KIND(u) == UNIQTYPE_KIND_SUBRANGE)
#define UNIQTYPE_IS_2S_COMPL_INTEGER_TYPE(u) (UNIQTYPE_IS_BASE_TYPE(u) && (u)->un.base.enc == 0x5)
#define UNIQTYPE_BASE_TYPE_SIGNEDNESS_COMPLEMENT(u) (UNIQTYPE_IS_BASE_TYPE(u) ? (u)->related[0].un.t.ptr : (struct uniqtype *)0)
#define UNIQTYPE_IS_BIT_GRANULARITY_BASE_TYPE(u)                                                        \
  (UNIQTYPE_IS_BASE_TYPE(u) && ((u)->un.base.one_plus_log_bit_size_delta || (u)->un.base.bit_size_delta_delta || \
                                (u)->un.base.bit_off))
#define UNIQTYPE_BASE_TYPE_BIT_SIZE(u)                                                                              \
  (8 * (int)(u)->pos_maxoff -                                                                                       \
   ((u)->un.base.one_plus_log_bit_size_delta ? 1 << ((u)->un.base.one_plus_log_bit_size_delta - 1) : 0) - \
   (u)->un.base.bit_size_delta_delta)
#define UNIQTYPE_BASE_TYPE_BIT_OFFSET(u) \
  ((u)->un.base.bit_off < 0 ? 8 * (int)(u)->pos_maxoff + (u)->un.base.bit_off : (u)->un.base.bit_off)
#define UNIQTYPE_IS_ABSTRACT(u) ((u)->make_precise != 0)
#define UNIQTYPE_SUBOBJECT_TYPE(u, i) ((u)->related[UNIQTYPE_IS_ARRAY_TYPE(u) ? 0 : (i)].un.memb.ptr)
#define UNIQTYPE_SUBOBJECT_OFFSET(u, i)                                                                    \
  (UNIQTYPE_IS_ARRAY_TYPE(u) ? (unsigned long)(i) * (u)->related[0].un.t.ptr->pos_maxoff \
                             : (unsigned long)(u)->related[i].un.memb.off)

#ifdef __cplusplus
}
#endif

#endif
