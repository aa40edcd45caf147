// SPDX-License-Identifier: Apache-2.0
#include "allocs/sequence.h"

#include <atomic>
#include <cstring>

#include "base/export.h"
#include "base/public_names.h"
#include "runtime/self/memory.h"
#include "runtime/self/self_process.h"
#include "types/derive.h"

// Packed sequences: each family becomes an allocator of the tree, whose protocol decodes.

namespace {

// One for each family that was used; they stay.
struct FamilyAllocator {
  allocator object;
  alloc_protocol protocol;
  const alloc_sequence_family* family;
  std::atomic<FamilyAllocator*> next;
};
constinit std::atomic<FamilyAllocator*> g_families{nullptr};

struct Element {
  const char* at;
  std::size_t size;
  uniqtype* type;
};

const char* begin_of(const alloc_info& pool) { return static_cast<const char*>(pool.base); }
const char* end_of(const alloc_info& pool) { return begin_of(pool) + pool.size; }

bool decode(const alloc_sequence_family& family, const alloc_info& pool, const char* at,
            Element& element) {
  const auto left = static_cast<std::size_t>(end_of(pool) - at);
  if (at < begin_of(pool) || at >= end_of(pool)) return false;
  element = {at, 0, nullptr};
  const int error = family.decode(family.context, at, left, &element.size, &element.type);
  return error == 0 && element.size != 0 && element.size <= left;
}

// The first element whose end is above `at`.
bool element_around(const alloc_sequence_family& family, const alloc_info& pool, const char* at,
                    Element& element) {
  const char* from = begin_of(pool);
  if (family.sync != nullptr) {
    const auto* place = static_cast<const char*>(family.sync(family.context, begin_of(pool), at));
    if (place >= begin_of(pool) && place <= at) from = place;
  }
  while (decode(family, pool, from, element)) {
    if (element.at + element.size > at) return true;
    from += element.size;
  }
  return false;
}

int put(const Element& element, alloc_info* child) {
  child->base = element.at;
  child->size = element.size;
  child->type = element.type;
  return ALLOC_OK;
}

const alloc_sequence_family& family_of(void* context) {
  return *static_cast<FamilyAllocator*>(context)->family;
}

int find(void* context, const alloc_info* pool, const void* at, unsigned, alloc_info* child) {
  Element element;
  return element_around(family_of(context), *pool, static_cast<const char*>(at), element)
             ? put(element, child)
             : ALLOC_E_NOTHING_THERE;
}

int next(void* context, const alloc_info* pool, const void* from, unsigned, alloc_info* child) {
  Element element;
  const auto* at = static_cast<const char*>(from);
  if (!element_around(family_of(context), *pool, at, element)) return ALLOC_E_NOTHING_THERE;
  if (element.at < at && !decode(family_of(context), *pool, element.at + element.size, element))
    return ALLOC_E_NOTHING_THERE;
  return put(element, child);
}

int get_traits(void*, const alloc_info*, alloc_traits* traits) {
  traits->lifetime = ALLOC_LIFE_PARENT;
  traits->alignment = 1;
  return ALLOC_OK;
}

FamilyAllocator* find_family(const alloc_sequence_family* family) {
  for (FamilyAllocator* each = g_families.load(std::memory_order_acquire); each != nullptr;
       each = each->next.load(std::memory_order_acquire)) {
    if (each->family == family) return each;
  }
  return nullptr;
}

FamilyAllocator* make_family(const alloc_sequence_family* family) {
  auto* const made = static_cast<FamilyAllocator*>(allocs::self::allocate(sizeof(FamilyAllocator)));
  if (made == nullptr) return nullptr;
  made->object.name = family->name;
  made->family = family;
  made->protocol = {.size = sizeof(alloc_protocol),
                    .context = made,
                    .find = find,
                    .next = next,
                    .get_traits = get_traits,
                    .make = nullptr,
                    .resize = nullptr,
                    .release = nullptr,
                    .set_type = nullptr};
  if (alloc_register_allocator(&made->object, &made->protocol) != ALLOC_OK) return nullptr;
  FamilyAllocator* first = g_families.load(std::memory_order_acquire);
  do {
    made->next.store(first, std::memory_order_relaxed);
  } while (!g_families.compare_exchange_weak(first, made, std::memory_order_acq_rel));
  return made;
}

// ---- the built-in families ----

constinit std::atomic<uniqtype*> g_text_type{nullptr};

// Before the first element is asked for, where types may be made.
void make_text_type() {
  using namespace allocs;
  if (g_text_type.load(std::memory_order_acquire) != nullptr) return;
  types::Interner& interner = self::interner();
  uniqtype* const character =
      types::base_type(interner, types::kEncodingSignedChar, 1, "signed_char$8", "char");
  g_text_type.store(types::array_of(interner, character, types::kUnbounded),
                    std::memory_order_release);
}

int decode_string(void*, const void* at, std::size_t left, std::size_t* size, uniqtype** type) {
  const void* const nul = std::memchr(at, '\0', left);
  *size =
      nul == nullptr
          ? left
          : static_cast<std::size_t>(static_cast<const char*>(nul) - static_cast<const char*>(at)) +
                1;
  *type = g_text_type.load(std::memory_order_acquire);
  return 0;
}

const void* sync_string(void*, const void* begin, const void* at) {
  const auto* place = static_cast<const char*>(at);
  while (place > begin && place[-1] != '\0') --place;
  return place;
}

bool is_continuation(unsigned char c) { return (c & 0xC0) == 0x80; }
// Bytes of the character that begins with `first`; 1 for a byte that begins none.
std::size_t length_by(unsigned char first) {
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  return first >= 0xF0 && first <= 0xF4 ? 4 : 1;
}
// Of the character at `at`; 1 if it is not a whole one.
std::size_t length_of_character(const unsigned char* at, std::size_t left) {
  const std::size_t length = length_by(*at);
  if (length > left) return 1;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(at[i])) return 1;
  }
  // Longer than it need be, a surrogate, or beyond the last character.
  const bool is_ill = (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F) ||
                      (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F);
  return length > 1 && is_ill ? 1 : length;
}

int decode_character(void*, const void* at, std::size_t left, std::size_t* size, uniqtype** type) {
  *size = length_of_character(static_cast<const unsigned char*>(at), left);
  *type = g_text_type.load(std::memory_order_acquire);
  return 0;
}

// A character has at most three bytes behind its first.
const void* sync_character(void*, const void* begin, const void* at) {
  const auto* const here = static_cast<const unsigned char*>(at);
  const auto* place = here;
  for (int back = 0; back < 3 && place > begin && is_continuation(*place); ++back) --place;
  const auto reach = static_cast<std::size_t>(here - place);
  return length_by(*place) > reach ? place : here;
}

constexpr alloc_sequence_family kStrings{.size = sizeof(alloc_sequence_family),
                                         .name = "strings",
                                         .context = nullptr,
                                         .decode = decode_string,
                                         .sync = sync_string};
constexpr alloc_sequence_family kCharacters{.size = sizeof(alloc_sequence_family),
                                            .name = "UTF-8",
                                            .context = nullptr,
                                            .decode = decode_character,
                                            .sync = sync_character};

}  // namespace

extern "C" {

ALLOCS_EXPORT int alloc_make_sequence(const void* obj, const struct alloc_sequence_family* family) {
  if (family == nullptr || family->size < sizeof(*family) || family->name == nullptr ||
      family->decode == nullptr)
    return ALLOC_E_INVALID;
  make_text_type();
  FamilyAllocator* known = find_family(family);
  if (known == nullptr) known = make_family(family);
  return known == nullptr ? ALLOC_E_NO_MEMORY : alloc_promote(obj, &known->object);
}

ALLOCS_EXPORT const struct alloc_sequence_family* alloc_string_family(void) { return &kStrings; }
ALLOCS_EXPORT const struct alloc_sequence_family* alloc_utf8_family(void) { return &kCharacters; }

ALLOCS_SEQUENCE_FUNCTIONS(ALLOCS_EXPORT_SECOND_NAME)
}
