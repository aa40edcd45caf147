// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <span>
#include <string>

#include "meta/compiled_subject.h"

// Each subject is one function that asks for blocks. Those of kTold begin with one of several heads: a union of these is told, or nothing, and
// by gcc -O2 it is told. Those of kOpen look alike and are something else: no union may be told. KEEP makes a compiler keep a variable, so
// that it does not make a copy of the code for each of its values.
namespace allocs::meta {
namespace {

constexpr std::string_view kHeads = R"(#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define PACKED __attribute__((packed))
#define N __attribute__((noinline, noclone))
#define KEEP(x) __asm__ volatile("" : "+r"(x))
struct PACKED tiny { unsigned char kind; char text[]; };
struct PACKED small { uint8_t used, room; unsigned char kind; char text[]; };
struct PACKED middle { uint16_t used, room; unsigned char kind; char text[]; };
struct PACKED large { uint32_t used, room; unsigned char kind; char text[]; };
struct PACKED other_large { uint64_t used; unsigned char kind; char text[]; };
struct PACKED huge { uint64_t used, room; unsigned char kind; char text[]; };
struct item { struct item *next; long number; };
void *volatile hidden; struct item *items; char *volatile lines[4];
N void keep_item(struct item *i) { items = i; }
N void use(void *p) { hidden = p; }
#define BEFORE(T, s) struct T *h = (void *)((s) - sizeof(struct T))
#define SMALL(s) { BEFORE(small, s); h->used = n; h->room = n; h->kind = 1; use(h); }
#define MIDDLE(s) { BEFORE(middle, s); h->used = n; h->room = n; h->kind = 2; use(h); }
#define LARGE(s) { BEFORE(large, s); h->used = n; h->room = n; h->kind = 3; use(h); }
#define HUGE_(s) { BEFORE(huge, s); h->used = n; h->room = n; h->kind = 4; use(h); }
static inline size_t room_of(char *s) {
  switch (s[-1]) {
    case 1: { BEFORE(small, s); return h->room - h->used; }
    case 2: { BEFORE(middle, s); return h->room - h->used; }
    case 3: { BEFORE(large, s); return h->room - h->used; }
  }
  return 0;
}
static inline void set_used(char *s, size_t n) {
  switch (s[-1]) {
    case 1: ((struct small *)(s - sizeof(struct small)))->used = n; break;
    case 2: ((struct middle *)(s - sizeof(struct middle)))->used = n; break;
    case 3: ((struct large *)(s - sizeof(struct large)))->used = n; break;
  }
}
#define PICK3(head, kind, n) int kind = n < 256 ? 1 : n < 65536 ? 2 : 3; \
  size_t head = kind == 1 ? sizeof(struct small) : kind == 2 ? sizeof(struct middle) : sizeof(struct large); KEEP(kind)
#define PICK2(head, k) size_t head = k ? sizeof(struct large) : sizeof(struct small); KEEP(k)
#define ENDS2(s, k) if (k) LARGE(s) else SMALL(s)
)";

struct Case {
  std::string_view name;  // of the function
  std::string_view code;
  std::string_view heads = {};
};

// With a head of one byte, which no structure describes; with two; with a switch; where the start is what variables point at.
constexpr Case kTold[] = {
    {"strings", R"(
static inline int head_size(char kind) {
  switch (kind & 7) {
    case 0: return sizeof(struct tiny);
    case 1: return sizeof(struct small);
    case 2: return sizeof(struct middle);
    case 3: return sizeof(struct large);
    case 4: return sizeof(struct huge);
  }
  return 0;
}
static inline char kind_of(size_t n) {
  return n < 1 << 5 ? 0 : n < 1 << 8 ? 1 : n < 1 << 16 ? 2 : n < 1ll << 32 ? 3 : 4;
}
N char *strings(const void *from, size_t n, size_t *room) {
  char kind = kind_of(n);
  if (kind == 0 && n == 0) kind = 1;
  int head = head_size(kind);
  void *block = malloc(head + n + 1);
  if (!block) return NULL;
  if (!from) memset(block, 0, head + n + 1);
  char *s = (char *)block + head;
  unsigned char *flags = (unsigned char *)s - 1;
  switch (kind) {
    case 0: *flags = kind | n << 3; break;
    case 1: { BEFORE(small, s); h->used = n; h->room = *room; *flags = kind; break; }
    case 2: { BEFORE(middle, s); h->used = n; h->room = *room; *flags = kind; break; }
    case 3: { BEFORE(large, s); h->used = n; h->room = *room; *flags = kind; break; }
    case 4: { BEFORE(huge, s); h->used = n; h->room = *room; *flags = kind; break; }
  }
  if (n && from) memcpy(s, from, n);
  s[n] = 0;
  return s;
})",
     "huge__large__middle__small__unsigned_char$8"},
    {"by_flag", R"(
N char *by_flag(const char *from, size_t n, int k) {
  PICK2(head, k);
  char *s = (char *)malloc(head + n) + head;
  memcpy(s, from, n);
  ENDS2(s, k);
  return s;
})",
     "large__small"},
    {"by_switch", R"(
N char *by_switch(size_t n, int k) {
  size_t head;
  switch (k) {
    case 3: head = sizeof(struct small); break;
    case 7: head = sizeof(struct middle); break;
    case 8: head = sizeof(struct large); break;
    case 21: head = sizeof(struct huge); break;
    default: return NULL;
  }
  KEEP(k);
  void *block = malloc(1 + n + head);
  if (!block) abort();
  char *s = (char *)block + head;
  switch (k) { case 3: SMALL(s) break; case 7: MIDDLE(s) break; case 8: LARGE(s) break; case 21: HUGE_(s) break; }
  return s;
})",
     "huge__large__middle__small"},
    {"from_start", R"(
N char *from_start(size_t n, int k) {
  PICK2(head, k);
  void *block = malloc(head + n);
  if (k) { struct large *h = block; h->used = n; use(h); return h->text; }
  struct small *h = block; h->used = n; use(h); return h->text;
})",
     "large__small"},
    {"more_room", R"(
N char *more_room(char *s, size_t more) {
  if (room_of(s) >= more) return s;
  size_t n = strlen(s), all = n + more;
  PICK3(head, kind, all);
  char *made = (char *)malloc(head + all + 1) + head;
  memcpy(made, s, n + 1);
  made[-1] = kind;
  set_used(made, n);
  return made;
})",
     "large__middle__small"},
    {"two_of_one_size", R"(
N char *two_of_one_size(size_t n, int k) {
  PICK2(head, k);
  char *s = (char *)malloc(head + n) + head;
  if (k > 8) { BEFORE(other_large, s); h->used = n; use(h); } else ENDS2(s, k);
  return s;
})",
     "large__other_large__small"},
};

constexpr Case kOpen[] = {
    {"number_without_structure", R"(
N char *number_without_structure(size_t n, int k) {
  size_t head = k > 5 ? 24 : k ? sizeof(struct large) : sizeof(struct small); KEEP(k);
  char *s = (char *)malloc(head + n) + head;
  if (k > 5) s[-24] = 7; else ENDS2(s, k);
  return s;
})"},
    {"structure_without_number", R"(
N char *structure_without_number(size_t n, int k) {
  PICK2(head, k);
  char *s = (char *)malloc(head + n) + head;
  if (k == 1) MIDDLE(s) else ENDS2(s, k);
  return s;
})"},
    {"other_sizes", R"(
N char *other_sizes(size_t n, int k) {
  PICK2(head, k);
  char *s = (char *)malloc(head + n) + head;
  if (k) HUGE_(s) else MIDDLE(s);
  return s;
})"},
    {"one_structure", R"(
N char *one_structure(size_t n, int k) {
  PICK2(head, k);
  char *s = (char *)malloc(head + n) + head;
  if (k) s[-9] = 4; else SMALL(s);
  return s;
})"},
    {"one_behind_the_other", R"(
N char *one_behind_the_other(size_t n, int k) {
  PICK2(head, k);
  char *s = (char *)malloc(head + n) + head;
  LARGE(s);
  if (k) SMALL(s);
  return s;
})"},
    {"one_after_the_other", R"(
N char *one_after_the_other(size_t n, int k) {
  PICK2(head, k);
  char *s = (char *)malloc(head + n) + head;
  for (int i = 0; i < k; i++) { KEEP(i); if (i & 1) SMALL(s) else LARGE(s); }
  return s;
})"},
    {"chosen_otherwise", R"(
N char *chosen_otherwise(size_t n, int k, int j) {
  PICK2(head, k);
  PICK2(end, j);
  char *s = (char *)malloc(head + n) + end;
  ENDS2(s, j);
  return s;
})"},
    {"as_often_as_the_head", R"(
N char *as_often_as_the_head(size_t n, int k) {
  PICK2(head, k);
  char *s = (char *)malloc(head + n * head) + head;
  ENDS2(s, k);
  return s;
})"},
    {"two_numbers", R"(
N char *two_numbers(size_t n, int k, int j) {
  PICK2(head, k);
  size_t tail = j ? 3 : 9; KEEP(j);
  char *s = (char *)malloc(head + n + tail) + head;
  ENDS2(s, k);
  return s;
})"},
    {"nothing_behind", R"(
N char *nothing_behind(size_t n, int k) {
  PICK2(head, k);
  char *s = (char *)malloc(head) + head;
  ENDS2(s, k);
  return s;
})"},
    {"something_before", R"(
N char *something_before(size_t n, int k) {
  PICK2(head, k);
  char *s = (char *)malloc(head + n + 4) + head + 4;
  ENDS2(s, k);
  return s;
})"},
    {"behind_the_end", R"(
N char *behind_the_end(size_t n, int k) {
  PICK2(head, k);
  char *s = (char *)malloc(head + n) + head + 4;
  ENDS2(s, k);
  return s;
})"},
    {"number_from_start", R"(
N char *number_from_start(size_t n, int k) {
  size_t head = k > 5 ? 24 : k ? sizeof(struct large) : sizeof(struct small); KEEP(k);
  void *block = malloc(head + n);
  if (k > 5) return block;
  if (k) { struct large *h = block; h->used = n; use(h); return h->text; }
  struct small *h = block; h->used = n; use(h); return h->text;
})"},
    {"more_behind", R"(
N char *more_behind(size_t n, int k) {
  PICK2(head, k);
  char *s = (char *)malloc(head + n + 64) + head;
  ENDS2(s, k);
  return s;
})"},
    {"less_than_the_head", R"(
N char *less_than_the_head(size_t n, int k) {
  PICK2(head, k);
  char *s = (char *)malloc(head + n - 2) + head;
  ENDS2(s, k);
  return s;
})"},
    {"head_at_the_end", R"(
N char *head_at_the_end(size_t n, int k) {
  PICK2(head, k);
  char *block = malloc(head + n), *s = block + head + n;
  ENDS2(s, k);
  return block;
})"},
    {"given_as_another", R"(
N char *given_as_another(size_t n, int k) {
  PICK2(head, k);
  void *block = malloc(head + n);
  char *s = (char *)block + head;
  keep_item(block);
  ENDS2(s, k);
  return s;
})"},
    {"kept_as_another", R"(
N char *kept_as_another(size_t n, int k) {
  PICK2(head, k);
  void *block = malloc(head + n);
  char *s = (char *)block + head;
  items = block;
  ENDS2(s, k);
  return s;
})"},
    {"numbers_before", R"(
N char *numbers_before(size_t n, int k) {
  PICK2(head, k);
  char *s = (char *)malloc(head + n) + head;
  uint16_t *last = (uint16_t *)(s - 2); *last = 4; use(last);
  ENDS2(s, k);
  return s;
})"},
    {"old_or_new", R"(
N char *old_or_new(size_t n, int k, char *old) {
  PICK2(head, k);
  void *block = old;
  if (!block) block = malloc(head + n);
  KEEP(block);
  char *s = (char *)block + head;
  ENDS2(s, k);
  return s;
})"},
    {"asked_for_differently", R"(
N char *asked_for_differently(size_t n, int k, int j) {
  PICK2(head, k);
  void *block;
  if (j) block = malloc(head + n); else block = malloc(n * 8);
  char *s = (char *)block + head;
  ENDS2(s, k);
  return s;
})"},
    {"ends_differ", R"(
N char *ends_differ(size_t n, int k) {
  PICK2(head, k);
  size_t second = (head & 8) + 5;
  char *block = malloc(head + n), *s = block + second;
  ENDS2(s, k);
  KEEP(head);
  return block + head;
})"},
    {"one_structure_or_a_byte", R"(
N char *one_structure_or_a_byte(size_t n, int k) {
  size_t head = k ? sizeof(struct large) : 1; KEEP(k);
  char *s = (char *)malloc(head + n) + head;
  unsigned char *flags = (unsigned char *)s - 1;
  if (k) LARGE(s) else { *flags = n; use(flags); }
  return s;
})"},
    {"end_or_elsewhere", R"(
N char *end_or_elsewhere(size_t n, int k) {
  PICK2(head, k);
  char *block = malloc(head + n), *s = block + head; KEEP(s);
  if (k == 9) s = block + 20;
  KEEP(k);
  ENDS2(s, k);
  return s;
})"},
    {"old_has_a_head", R"(
N char *old_has_a_head(char *s, size_t more) {
  if (room_of(s) >= more) return s;
  size_t n = strlen(s), all = n + more;
  PICK3(head, kind, all);
  char *made = (char *)malloc(head + all + 1) + head;
  memcpy(made, s, n + 1);
  made[-1] = kind;
  return made;
})"},
    {"used_as_more_than_the_head", R"(
N char *used_as_more_than_the_head(char *s, size_t more) {
  if (room_of(s) >= more) return s;
  size_t n = strlen(s), all = n + more;
  PICK3(head, kind, all);
  char *made = (char *)malloc(head + all + 1) + head;
  memcpy(made, s, n + 1);
  made[-1] = kind;
  if (kind == 3) *(uint32_t *)(made - 7) = n;
  set_used(made, n);
  return made;
})"},
    {"old_is_not_returned", R"(
N char *old_is_not_returned(char *s, size_t more) {
  if (room_of(s) >= more) return NULL;
  size_t n = strlen(s), all = n + more;
  PICK3(head, kind, all);
  char *made = (char *)malloc(head + all + 1) + head;
  memcpy(made, s, n + 1);
  made[-1] = kind;
  set_used(made, n);
  return made;
})"},
    {"numbers_before_the_old", R"(
N char *numbers_before_the_old(char *s, size_t more) {
  uint16_t *last = (uint16_t *)(s - 2); KEEP(last); *last = 4;
  if (room_of(s) >= more) return s;
  size_t n = strlen(s), all = n + more;
  PICK3(head, kind, all);
  char *made = (char *)malloc(head + all + 1) + head;
  memcpy(made, s, n + 1);
  made[-1] = kind;
  set_used(made, n);
  return made;
})"},
    {"head_again", R"(
N char *head_again(size_t n, int k) {
  PICK2(head, k);
  char *s = (char *)malloc(head + n) + head;
  struct large *second = (struct large *)(s + 4); KEEP(second); second->used = n; second->room = n; KEEP(second);
  ENDS2(s, k);
  return s;
})"},
    {"behind_the_start", R"(
N char *behind_the_start(size_t n, int k) {
  PICK2(head, k);
  char *block = malloc(head + n);
  if (k) { struct large *h = (struct large *)(block + 4); KEEP(h); h->used = n; use(h); return h->text; }
  struct small *h = (struct small *)(block + 4); KEEP(h); h->used = n; use(h); return h->text;
})"},
    {"head_of_another_place", R"(
static char pool[4096];
N void *place_for(size_t n) { return pool + n; }
N char *head_of_another_place(size_t n, int k) {
  PICK2(head, k);
  hidden = malloc(head + n);
  char *s = (char *)place_for(head + n) + head;
  ENDS2(s, k);
  return s;
})"},
    {"start_of_another_place", R"(
N void *room_for(size_t n) { return lines[n & 3]; }
N char *start_of_another_place(size_t n, int k) {
  PICK2(head, k);
  hidden = malloc(head + n);
  void *block = room_for(head + n);
  if (k) { struct large *h = block; h->used = n; use(h); return h->text; }
  struct small *h = block; h->used = n; use(h); return h->text;
})"},
    {"unknown_parts_differ", R"(
N char *unknown_parts_differ(size_t n, size_t m, int k) {
  PICK2(head, k);
  size_t all;
  if (n < m) { all = head + n; KEEP(all); } else { all = head + m * 5; KEEP(all); }
  char *s = (char *)malloc(all) + head;
  ENDS2(s, k);
  return s;
})"},
    {"byte_without_pointer", R"(
N char *byte_without_pointer(size_t n, int k) {
  size_t head = k > 5 ? 1 : k ? sizeof(struct large) : sizeof(struct small); KEEP(k);
  char *s = (char *)malloc(head + n) + head; KEEP(s);
  if (k <= 5) ENDS2(s, k);
  return s;
})"},
    {"elements", R"(
N char *elements(size_t n, size_t m, int k) {
  PICK2(head, k);
  char *s = (char *)calloc(m, head + n) + head;
  ENDS2(s, k);
  return s;
})"},
    {"from_argument", R"(
N char *from_argument(size_t n, int k, size_t head) {
  char *s = (char *)malloc(head + n) + head;
  ENDS2(s, k);
  return s;
})"},
};

std::string subject_of(std::span<const Case> cases) {
  std::string source{kHeads};
  for (const Case& one : cases) source += one.code;
  return source + "\nint main() { return 0; }\n";
}

// By the function that asks: the names of the types that are told, with "one of:" in front of those that are heads.
std::multimap<std::string, std::string> answers(const Compilation& compilation,
                                                std::span<const Case> cases) {
  std::multimap<std::string, std::string> found;
  CompiledSubject subject{compilation, subject_of(cases), false};
  EXPECT_TRUE(subject.is_compiled()) << compilation.command;
  const auto image = subject.image();
  if (!image) return found;
  for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites)) {
    const types::TypeRecord* type = image->type(site.type);
    const bool is_union = (site.flags & types::kSiteOneOf) != 0;
    const std::string name = type == nullptr ? "nothing" : std::string{image->text(type->name)};
    found.emplace(image->text(site.function), (is_union ? "one of: " : "") + name);
    if (std::getenv("ALLOCS_TEST_VERBOSE") != nullptr)
      printf("%s: %s: %s\n", compilation.command.c_str(),
             std::string{image->text(site.function)}.c_str(), name.c_str());
  }
  return found;
}

TEST(HeadsInFront, AreToldWhereSizesAndVariablesSpeakOfTheSameStructures) {
  for (const Compilation& compilation : all_compilations(false)) {
    const auto told = answers(compilation, kTold);
    const bool is_understood = compilation.command.starts_with("gcc -g -O2");
    for (const Case& one : kTold) {
      const std::string right = "one of: __ONE_OF_" + std::string{one.heads};
      const auto [begin, end] = told.equal_range(std::string{one.name});
      EXPECT_NE(begin, end) << compilation.command << ": " << one.name;
      for (auto at = begin; at != end; ++at) {
        EXPECT_TRUE(at->second == right || (!is_understood && !at->second.starts_with("one of:")))
            << compilation.command << ": " << one.name << ": " << at->second;
      }
    }
  }
}

TEST(HeadsInFront, AreNotToldOfWhatLooksAlike) {
  for (const Compilation& compilation : all_compilations(false)) {
    const auto told = answers(compilation, kOpen);
    EXPECT_GE(told.size(), std::size(kOpen)) << compilation.command;
    for (const auto& [function, answer] : told)
      EXPECT_FALSE(answer.starts_with("one of:"))
          << compilation.command << ": " << function << ": " << answer;
  }
}

}  // namespace
}  // namespace allocs::meta
