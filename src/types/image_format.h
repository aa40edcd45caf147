// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/hash.h"

// The metadata image of one ELF object: version, meaning and layout, in one place. `docs/formats/metadata.md` says the same in
// words.
//
// An image is a header, then tables of fixed-size records, each 8-aligned. There are no pointers and no relocations: records
// refer to strings by byte offset in the string table and to each other by index. All numbers are little-endian. All
// addresses are link addresses of the object. The writer is trusted for nothing: a reader checks every index.
namespace allocs::types {

// clang-format off: the comments are columns

inline constexpr std::array<char, 4> kImageMagic{'A', 'L', 'M', 'D'};
inline constexpr std::uint32_t kImageVersion =
    37;  // bump when anything below changes, or what the writer puts in it

using StringRef =
    std::uint32_t;  // byte offset in Table::strings of a NUL-terminated text; 0 is the empty text
using TypeIndex = std::uint32_t;  // index in Table::types
inline constexpr TypeIndex kNoType = 0xFFFFFFFFu;
inline constexpr std::uint32_t kNoRecord = 0xFFFFFFFFu;
inline constexpr std::uint64_t kUnknownSize = ~std::uint64_t{0};
inline constexpr std::uint64_t kUnbounded =
    ~std::uint64_t{0};  // TypeRecord::count of an array without a length

enum class Table : std::uint32_t {
  strings,  // bytes
  types,    // TypeRecord
  members,  // MemberRecord: of composites; the arguments of subprograms; the lower bound of subranges
  enumerators,  // EnumeratorRecord
  aliases,      // AliasRecord: typedefs and other spellings
  names,        // NameRecord, sorted by hash: canonical names and aliases
  segments,     // RegionRecord, by address
  sections,     // RegionRecord, by address; only those that are loaded
  statics,      // StaticRecord, by (address, then larger first)
  tls,         // StaticRecord, by (address, then larger first); address = offset in the TLS segment
  functions,   // FunctionRecord, by low pc; ranges do not overlap
  variables,   // VariableRecord
  locations,   // bytes: see VariableRecord
  sites,       // SiteRecord, by return address
  containers,  // ContainerRecord, by type; those of one type in the order in which they are tried
  virtual_tables,  // VirtualTableRecord, by address
  page_sums,  // u64: image_checksum of what each page holds of the other tables; lies right behind the header
  count_,
};
inline constexpr std::size_t kTableCount = static_cast<std::size_t>(Table::count_);

struct TableEntry {
  std::uint64_t offset = 0;  // from the start of the image; a multiple of 8
  std::uint64_t count = 0;   // records (bytes for strings and locations)
};

enum ImageFlag : std::uint32_t {
  kImageHasDebugInformation = 1,  // DWARF was found and read
  kImageHasSymbolTable = 2,  // .symtab (of the object or its debug file) was read, not just .dynsym
  kImageKnownByContent = 4,  // embedded in an object without a build-id: see file_size
};

struct ImageHeader {
  std::array<char, 4> magic = kImageMagic;
  std::uint32_t version = kImageVersion;
  std::uint64_t size = 0;              // of the whole image in bytes
  std::uint64_t header_checksum = 0;   // of this header with the field zero: see image_checksum()
  std::uint64_t content_checksum = 0;  // of the table page_sums, and so of everything
  std::uint32_t flags = 0;             // ImageFlag
  std::uint32_t build_id_size =
      0;  // 0: the object has none, and identity is file_size and file_mtime_ns
  std::array<std::uint8_t, 32> build_id{};
  std::uint64_t file_size = 0;  // of the object; with kImageKnownByContent the low half of
  std::uint64_t file_mtime_ns =
      0;                      // elf::hash_of_loaded_content() of the object, and here the high half
  StringRef object_path = 0;  // as it was when the image was made
  StringRef debug_path = 0;   // the separate debug file that was used, if any
  std::array<TableEntry, kTableCount> tables{};
};
static_assert(sizeof(TableEntry) == 16);
static_assert(sizeof(ImageHeader) == 96 + 16 * kTableCount);

enum class Kind : std::uint8_t {  // the values of the in-memory uniqtype
  void_ = 0,
  array = 1,
  base = 2,
  enumeration = 4,
  composite = 6,
  address = 8,
  subprogram = 10,
  subrange = 12,
};

enum class AddressKind : std::uint8_t { pointer, reference, rvalue_reference, member_pointer };
enum class CompositeKind : std::uint8_t { structure, union_, class_, frame };

enum TypeFlag : std::uint8_t {
  kTypeIncomplete = 1,  // declared only: size is kUnknownSize
  kTypeVariadic = 2,    // a subprogram with "..."
  kTypeAnonymous = 4,   // the name is made up
  kTypePrototyped = 8,  // a subprogram whose arguments are known (C: declared with a prototype)
  kTypeFloatFormat = 16 | 32,  // a base type of floating-point or complex numbers: its FloatFormat
  kTypeBigEndian = 64,  // a base type of several bytes: the first one is the most significant
};

// What a floating-point number's bits mean, where its size does not say. Types that differ in it are two.
enum class FloatFormat : std::uint8_t {
  by_size,    // 2, 4, 8 bytes: IEEE 754 binary16, 32, 64; 10 and 16: x87 extended
  binary128,  // of 16 bytes: IEEE 754 binary128, as __float128
  bfloat16,   // of 2 bytes: the high half of a binary32, as __bf16
  unclear,    // the debug information may mean any of that size
};
constexpr FloatFormat float_format(std::uint8_t type_flags) {
  return static_cast<FloatFormat>((type_flags & kTypeFloatFormat) >> 4);
}
constexpr std::uint8_t type_flags_of(FloatFormat format) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(format) << 4);
}

struct TypeRecord {
  Hash128 hash{};            // of the content, transitively: see types/type_hash.h
  std::uint64_t size = 0;    // bytes; kUnknownSize if incomplete or unbounded; 0 for a subprogram
  std::uint64_t count = 0;   // members, enumerators, arguments, or elements (kUnbounded)
  StringRef name = 0;        // canonical, see names in docs
  StringRef human_name = 0;  // as the language writes it
  TypeIndex target =
      kNoType;  // pointee, element, host of a subrange, return type, base of an enumeration
  std::uint32_t first =
      0;  // first member, enumerator or argument; for a subrange a member whose offset is
          // the lower bound, while count is upper - lower
  StringRef file =
      0;  // declaration, as DWARF has it; of a pointer to member: the name of its class
  std::uint32_t line = 0;
  Kind kind = Kind::void_;
  std::uint8_t detail = 0;      // base: DW_ATE_*; address: AddressKind; composite: CompositeKind
  std::uint8_t flags = 0;       // TypeFlag
  std::uint8_t align_log2 = 0;  // 0 if not stated
  std::uint16_t bit_size = 0;   // base of bit granularity: its bits; else 0
  std::uint16_t bit_offset =
      0;  // base of bit granularity: lowest bit, counted from the storage unit's lowest
};
static_assert(sizeof(TypeRecord) == 64);

enum MemberFlag : std::uint32_t {
  kMemberBaseClass = 1,
  kMemberVirtualBase = 2,  // has no place of its own: see has_place()
  kMemberArtificial = 4,   // vtable pointer and the like
  kMemberFlexible = 8,     // C flexible array member
};

struct MemberRecord {
  std::uint64_t offset =
      0;  // bytes from the start of the composite (for a bit-field: of its storage unit). Of a virtual base n: so many
  // bytes below where an object's first word points lies the distance of the base from the object
  StringRef name = 0;
  TypeIndex type = kNoType;
  StringRef alias = 0;      // the type as the source spelt it, where that is not its own name
  std::uint32_t flags = 0;  // MemberFlag
};
static_assert(sizeof(MemberRecord) == 24);
// Is the offset that of the member?
constexpr bool has_place(const MemberRecord& member) {
  return member.offset != kUnknownSize && (member.flags & kMemberVirtualBase) == 0;
}

struct EnumeratorRecord {
  std::int64_t value = 0;
  StringRef name = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(EnumeratorRecord) == 16);

struct AliasRecord {
  StringRef name = 0;
  TypeIndex type = kNoType;
};
static_assert(sizeof(AliasRecord) == 8);

struct NameRecord {
  std::uint32_t hash = 0;  // name_hash() of a canonical name or an alias
  TypeIndex type = kNoType;
};
static_assert(sizeof(NameRecord) == 8);

struct RegionRecord {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  StringRef name = 0;
  std::uint32_t flags = 0;  // p_flags of a segment, the low 32 bits of sh_flags of a section
};
static_assert(sizeof(RegionRecord) == 24);

enum class StaticKind : std::uint8_t { function, object, string_literal, unnamed };

enum StaticFlag : std::uint8_t {
  kStaticExternal = 1,  // has external linkage
  kStaticSizeGuessed =
      2,  // the symbol has no size: extends to the next symbol or the section's end
  kStaticFromSymbolOnly = 4,  // no debug information describes it
  kStaticInferred = 8,        // found through references in the code
  kStaticSharesBytes = 16,    // with one that neither lies in it nor contains it
};

struct StaticRecord {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  StringRef name = 0;          // as the source has it, qualified; a function's local as "f::x"
  StringRef linkage_name = 0;  // the symbol, if it differs
  TypeIndex type = kNoType;
  std::uint32_t enclosing =
      kNoRecord;  // the nearest earlier record that contains this one's start, if any
  StringRef file = 0;
  std::uint32_t line = 0;
  StaticKind kind = StaticKind::object;
  std::uint8_t flags = 0;  // StaticFlag
  std::uint16_t reserved = 0;
  std::uint32_t reserved2 = 0;
};
static_assert(sizeof(StaticRecord) == 48);

// One contiguous piece of a function's code, with the variables of the function and of everything inlined in it.
struct FunctionRecord {
  std::uint64_t low = 0;
  std::uint32_t length = 0;  // of the piece in bytes
  StringRef name = 0;        // as StaticRecord::name
  StringRef unit = 0;        // DW_AT_name of the compile unit
  TypeIndex type = kNoType;  // the subprogram type
  std::uint32_t first_variable = 0;
  std::uint32_t variable_count = 0;
};
static_assert(sizeof(FunctionRecord) == 32);

enum VariableFlag : std::uint32_t {
  kVariableFormal = 1,
  kVariableInlined = 2,  // belongs to an inlined function; its name is "callee::name"
  kVariableSized =
      4,  // an array whose length is known at run time only: its counts follow its list
  kVariableAllocaHead = 8,  // leads to the blocks of alloca in the frame: types/alloca_record.h
};

enum class LocationKind : std::uint8_t {
  memory = 0,       // value = byte offset from the canonical frame address
  in_register = 1,  // value = DWARF register number
  memory_at_sp =
      2,  // value = byte offset from the stack pointer: in frames that are realigned at run time
  memory_at_fp = 3,  // value = byte offset from the frame pointer (rbp): likewise
  computed =
      4,  // in memory; value = byte offset in Table::locations of an expression that gives the address
  value = 5,  // nowhere; the expression at that offset gives the value
};

// `locations` is the byte offset of: uleb n, then n times { uleb gap, uleb length, uleb LocationKind, sleb value }. The first gap
// is counted from FunctionRecord::low, each further one from the end of the entry before. Where no entry covers a pc, the
// variable is out of scope there, or is nowhere.
//
// An expression is: uleb size, then as many bytes of DWARF operations. In them DW_OP_fbreg counts from the canonical frame address;
// whatever runt/expression.h knows may occur.
//
// After the list of a kVariableSized variable follow: uleb m, then m such lists, whose kind is always `value`: the element counts of
// the levels of its type that are arrays without a length, outermost first.
struct VariableRecord {
  StringRef name = 0;
  TypeIndex type = kNoType;
  std::uint32_t locations = 0;
  std::uint32_t flags = 0;  // VariableFlag
};
static_assert(sizeof(VariableRecord) == 16);

enum class Shape : std::uint8_t { unknown, one, array, flexible };
enum class Provenance : std::uint8_t {
  none,
  new_expression,
  size_arithmetic,
  target,
  inferred,
  call_entry,  // the debug information says it of the call
};

enum SiteEvidence : std::uint8_t {
  kSiteTargetVariable = 1,  // the result goes to a variable of pointer type
  kSiteTargetField = 2,     // ... to a member, an element or a global of pointer type
  kSiteConstantSizeFits =
      4,              // the requested size is a constant and a positive multiple of the type's size
  kSiteArgument = 8,  // ... to an argument of pointer type
  kSiteStrideFits = 16,   // calloc-like: the element size is a constant equal to the type's size
  kSiteLibraryFact = 32,  // the function is one of a library's that is known to allocate that
  kSiteCallEntry = 64,    // the debug information says of the call what it allocates
  kSiteAllocator = 128,   // the call is in the code of std::allocator<T>::allocate
};
enum SiteFlag : std::uint8_t {
  kSiteWrapper = 1,   // the result is returned: the type is to be found in the caller
  kSiteConflict = 2,  // two targets disagree
  kSiteTargetDisagrees =
      4,  // the size tells the type, and the pointer that receives the block has another
  kSiteUsedAsTold = 8,  // a compiler or inference saw it used as that, and as nothing else
  kSiteOneOf = 16,      // the type is a union: one of its members is there, and room for that one
};

struct SiteRecord {
  std::uint64_t return_address = 0;  // of a block of alloca: AllocaRecord::type
  std::uint64_t constant_size = 0;   // requested bytes if constant, else 0
  TypeIndex type = kNoType;          // of the whole block: T, or the unbounded array of T
  StringRef callee = 0;              // "malloc", ...
  StringRef function = 0;            // the function that calls
  StringRef file = 0;
  std::uint32_t line = 0;
  Shape shape = Shape::unknown;
  Provenance provenance = Provenance::none;
  std::uint8_t evidence = 0;  // SiteEvidence
  std::uint8_t flags = 0;     // SiteFlag
};
static_assert(sizeof(SiteRecord) == 40);

// Where something of a container is: from the container, or one of its nodes, as often as `hops` says by the pointer at the offset
// onwards, and then at one more offset.
inline constexpr std::uint8_t kMostPlaceHops = 2;
struct PlaceRecord {
  std::uint32_t offsets[kMostPlaceHops + 1]{};
  std::uint8_t hops = 0;
  std::uint8_t size =
      0;  // bytes of the unsigned number or pointer there, at most 8; 0: there is no such place
  std::uint8_t bit_size = 0;  // of a bit-field; else 0
  std::uint8_t bit_offset = 0;
};
static_assert(sizeof(PlaceRecord) == 16);

// The elements of a container, by what its places are. Of those marked * the address is meant, and of the others what lies there;
// those marked ' are counted from a node, and those in brackets need not be.
enum class ContainerShape : std::uint8_t {
  array,   // begin [end] [count]: one behind the other, up to a pointer or as many as a number says
  inside,  // begin* [count]: likewise in the container itself, `number` at most, and so many if there is no count
  target,  // pointer: one, unless that is null
  bits,    // begin [end] [end bit] [count]: of 64-bit words, the lowest first
  chain,   // first [sentinel*] next' element*': nodes, up to the sentinel or, without one, to null
  tree,  // first [sentinel*] left' right' parent' element*': nodes of a binary tree in order; the sentinel is above its root
  blocks,  // current, end of its block, begin of its block, place in the list of blocks, end of all, last place in the list
  pages,   // list of pages, first, count: `number` elements a page
};
inline constexpr std::size_t kContainerPlaces = 6;

enum class ContainerTest : std::uint8_t { none, is_set, is_clear, is_equal };

enum ContainerFlag : std::uint16_t { kContainerOfOne = 1 };  // at most one element, by what it is

struct ContainerRecord {
  TypeIndex type = kNoType;
  TypeIndex element = kNoType;
  std::uint64_t element_size = 0;  // bytes from one to the next; never 0
  std::uint64_t number = 0;        // see ContainerShape
  std::uint64_t equal = 0;         // what ContainerTest::is_equal compares `tested` with
  ContainerShape shape = ContainerShape::array;
  ContainerTest test = ContainerTest::none;  // the record counts only if that holds
  std::uint16_t flags = 0;                   // ContainerFlag
  std::uint32_t reserved = 0;
  PlaceRecord tested{};
  PlaceRecord places[kContainerPlaces]{};
};
static_assert(sizeof(ContainerRecord) == 40 + 16 * (1 + kContainerPlaces));

// Where the first word of every object of a class points, and nothing else's: behind the head of the virtual table that the class
// has for itself, not for a base class or while one is made (Itanium C++ ABI 2.5).
struct VirtualTableRecord {
  std::uint64_t address = 0;  // link address
  TypeIndex type =
      kNoType;  // the class; its size is known. kNoType: not for certain one that the object describes
  StringRef name = 0;  // of that class as its symbol has it; classes with virtual bases only
};
static_assert(sizeof(VirtualTableRecord) == 16);

// clang-format on

// The pages of the table page_sums, counted from the start of the image.
inline constexpr std::uint64_t kSummedPage = 4096;
constexpr std::uint64_t page_count(std::uint64_t image_size) {
  return (image_size + kSummedPage - 1) / kSummedPage;
}

// The checksum of `size` bytes; used for the header (with header_checksum zeroed) and for the content. Four lanes of 8-byte
// words, little-endian, the last ones padded with zeros; each word is mixed into its lane by exclusive or, a rotation by 29 bits
// and a multiplication. A reader checks each page before it believes any of it, so this must run at memory speed.
inline std::uint64_t image_checksum(const unsigned char* bytes, std::size_t size) {
  struct Lane {
    std::uint64_t factor;
    std::uint64_t state;
    void mix(std::uint64_t word) {
      const std::uint64_t mixed = state ^ word;
      state = (mixed << 29 | mixed >> 35) * factor;
    }
  };
  Lane a{0x9E3779B97F4A7C15u, size};
  Lane b{0xD6E8FEB86659FD93u, 1};
  Lane c{0xA0761D6478BD642Fu, 2};
  Lane d{0xE7037ED1A0B428DBu, 3};
  const auto mix = [&](const unsigned char* from) {
    std::uint64_t words[4];
    std::memcpy(words, from, sizeof words);
    a.mix(words[0]);
    b.mix(words[1]);
    c.mix(words[2]);
    d.mix(words[3]);
  };
  // A copy of a size known beforehand is a few loads; of another, a call.
  std::size_t at = 0;
  for (; size - at >= 32; at += 32) mix(bytes + at);
  if (at < size) {
    unsigned char last[32] = {};
    std::memcpy(last, bytes + at, size - at);
    mix(last);
  }
  Hasher hasher;
  for (const std::uint64_t state : {a.state, b.state, c.state, d.state}) hasher.add(state);
  return hasher.finish().low;
}

// The sum of page `page` of an image whose tables but page_sums begin at `body`. `image`: all of its bytes.
inline std::uint64_t page_sum(const unsigned char* image, std::uint64_t size, std::uint64_t body,
                              std::uint64_t page) {
  const std::uint64_t begin = page * kSummedPage < body ? body : page * kSummedPage;
  const std::uint64_t end = (page + 1) * kSummedPage < size ? (page + 1) * kSummedPage : size;
  return begin < end ? image_checksum(image + begin, end - begin) : 0;
}

// Puts sums and checksums into a whole image, whose header says everything else and whose table page_sums has its place. The one
// account of what they cover, for writers and tests.
inline void seal_image(unsigned char* image) {
  ImageHeader header;
  std::memcpy(&header, image, sizeof header);
  const TableEntry& sums = header.tables[static_cast<std::size_t>(Table::page_sums)];
  const std::uint64_t body = sums.offset + sums.count * sizeof(std::uint64_t);
  for (std::uint64_t page = 0; page < sums.count; ++page) {
    const std::uint64_t sum = page_sum(image, header.size, body, page);
    std::memcpy(image + sums.offset + page * sizeof sum, &sum, sizeof sum);
  }
  header.content_checksum = image_checksum(image + sums.offset, sums.count * sizeof(std::uint64_t));
  header.header_checksum = 0;
  std::memcpy(image, &header, sizeof header);
  header.header_checksum = image_checksum(image, sizeof header);
  std::memcpy(image, &header, sizeof header);
}
// How many sums an image has whose header and other tables take `size` bytes.
constexpr std::uint64_t sums_for(std::uint64_t size) {
  std::uint64_t count = page_count(size);
  while (page_count(size + count * sizeof(std::uint64_t)) > count) ++count;
  return count;
}

}  // namespace allocs::types
