/* SPDX-License-Identifier: Apache-2.0 */
/* How a subject of the audit states the truth about its own objects, so that the compiler states it: addresses by `&`, sizes by
 * `sizeof`, types by a name that is checked against the expression, paths by the text of the expression.
 *
 *   struct point { int x, y; };
 *   #define PARTS_point(o) PART(o.x, int) PART(o.y, int)
 *   OBJECT("local", "stackframe", here, struct point, PARTS_point)     notes here, here.x and here.y
 *
 * ask_everything() then prints each note and what the API answers there. audit.py compares the two, and gdb as the third.
 */
#ifndef AUDIT_H
#define AUDIT_H

#include <stddef.h>

#ifdef __cplusplus
#include <type_traits>
#define SAME_TYPE(expression, type)                                                               \
  static_assert(std::is_same_v<std::remove_cv_t<std::remove_reference_t<decltype((expression))>>, \
                               std::remove_cv_t<__typeof__(type)>>,                               \
                #expression " is no " #type)
extern "C" {
#else
#define SAME_TYPE(expression, type)                                                      \
  _Static_assert(__builtin_types_compatible_p(__typeof__(expression), __typeof__(type)), \
                 #expression " is no " #type)
#endif

/* Each note is a row of the table that ask_everything() prints. A part belongs to the object that the same thread noted last. */
void note_object(const char* kind, const char* allocator, const char* function,
                 const char* expression, const char* type, const void* base, size_t size);
void note_part(const char* kind, const char* expression, const char* type, const void* base,
               size_t size);

/* Says of the thread's last note, by __builtin_classify_type, what the compiler takes it for. */
void note_class(int type_class);
#define CLASSIFY(expression) note_class(__builtin_classify_type(expression));

/* `set` and `clear` are two objects of `size` bytes that differ in one bit-field only: its bits are where they do. */
void note_bit_field(const char* expression, const char* type, const void* base, size_t size,
                    const void* set, const void* clear);

/* A block of `count` elements of `type` (0: of a size that no number of elements makes), received by the pointer `expression`. `type`
 * may be "void": nobody can know. */
void note_block(const char* kind, const char* function, const char* expression, const char* type,
                const void* base, size_t size, size_t count);

/* Asks about every row noted by any thread, from the caller's frames, and prints; then waits for a line on standard input. */
void ask_everything(void);

#ifdef __cplusplus
}
#endif

#ifndef FUNCTION_NAME
#define FUNCTION_NAME __func__
#endif

#define OBJECT(kind, allocator, expression, type, parts)                                        \
  do {                                                                                          \
    SAME_TYPE(expression, type);                                                                \
    note_object(kind, allocator, FUNCTION_NAME, #expression, #type, (const void*)&(expression), \
                sizeof(expression));                                                            \
    CLASSIFY(expression)                                                                        \
    parts(expression)                                                                           \
  } while (0);
/* An array whose length, and so its type and size, is known at run time only. */
#define SIZED(expression, type, parts)                                                 \
  note_object("variable-length array", "stackframe", FUNCTION_NAME, #expression, type, \
              (const void*)(expression), sizeof(expression));                          \
  parts(expression)
#define PART_OF_KIND(kind, expression, type)                                           \
  SAME_TYPE(expression, type);                                                         \
  note_part(kind, #expression, #type, (const void*)&(expression), sizeof(expression)); \
  CLASSIFY(expression)
#define PART(expression, type) PART_OF_KIND("member", expression, type)
#define ELEMENT(expression, type) PART_OF_KIND("element", expression, type)
#define BIT_FIELD(object, field, type)                                                       \
  do {                                                                                       \
    const type ones_ = (type)-1;                                                             \
    __typeof__(object) set_, clear_;                                                         \
    __builtin_memset(&set_, 0, sizeof(set_));                                                \
    __builtin_memset(&clear_, 0, sizeof(clear_));                                            \
    set_.field = ones_;                                                                      \
    note_bit_field(#object "." #field, #type, (const void*)&(object), sizeof(object), &set_, \
                   &clear_);                                                                 \
  } while (0);
#define NO_PARTS(o)

#define LITERAL(text) \
  note_object("literal", "static", FUNCTION_NAME, "", "char[]", text, sizeof(text));
#define BLOCK(kind, pointer, type, bytes, count, parts)                      \
  do {                                                                       \
    SAME_TYPE(pointer, __typeof__(type)*);                                   \
    note_block(kind, FUNCTION_NAME, #pointer, #type, pointer, bytes, count); \
    parts(pointer)                                                           \
  } while (0);

#endif
