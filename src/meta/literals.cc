// SPDX-License-Identifier: Apache-2.0
#include "meta/literals.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

// A string literal leaves no trace in symbols or debug information: it is bytes in .rodata and an address in code or data. So every address
// that the code takes, or that data holds, is looked at, and is the start of a literal if
//   - no object that a symbol or the debug information knows is there;
//   - text runs from there to a NUL;
//   - something ends right before it: a NUL, a known object, the section's start. Or it lies in another literal: linkers keep
//     "world" in the end of "hello world";
//   - something that is known begins right behind its NUL, or behind the padding there: else the NUL may be one inside the literal.
//
// What else is in .rodata without a name, and is told apart:
//   - jump tables and tables of numbers: their elements are read at address + index * 2, 4 or 8;
//   - initial values of local arrays and structures: more bytes are copied from there than the text has;
//   - tables of pointers: a word there is a relocated or plain pointer into the object;
//   - numbers, and wide characters: a text so short that with the NULs behind it it could be one aligned number is left out.
// What is never looked at: places that the code only loads from, such as floating-point constants.
namespace allocs::meta {

using types::ObjectModel;
using types::StaticRecord;

namespace {

constexpr std::size_t kLongest = std::size_t{1} << 24;

}  // namespace

bool has_literals(const Section& section) {
  constexpr std::uint64_t kRelevant = SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR;
  if (section.type != SHT_PROGBITS || (section.flags & kRelevant) != SHF_ALLOC) return false;
  if ((section.flags & SHF_MERGE) != 0) return (section.flags & SHF_STRINGS) != 0;
  return section.name.starts_with(".rodata") || section.name.starts_with(".lrodata");
}

namespace {

bool is_continuation(unsigned c) { return (c & 0xC0) == 0x80; }

// The bytes of the well-formed UTF-8 character at `at`; 0 if there is none.
std::size_t character_length(std::span<const std::byte> bytes, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < bytes.size() ? std::to_integer<unsigned>(bytes[at + i]) : 0;
  };
  const unsigned c = byte(0);
  if (c < 0x80) return (c >= 0x20 && c != 0x7F) || (c >= 0x07 && c <= 0x0D) || c == 0x1B ? 1 : 0;
  if (!is_continuation(byte(1))) return 0;
  if (c >= 0xC2 && c <= 0xDF) return 2;
  if (!is_continuation(byte(2))) return 0;
  if (c >= 0xE0 && c <= 0xEF) {
    const unsigned code = (c & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    return code >= 0x800 && (code < 0xD800 || code > 0xDFFF) ? 3 : 0;
  }
  if (!is_continuation(byte(3)) || c < 0xF0 || c > 0xF4) return 0;
  const unsigned code = (c & 0x07) << 18 | (byte(1) & 0x3F) << 12;
  return code >= 0x10000 && code < 0x110000 ? 4 : 0;
}

class LiteralReader {
 public:
  LiteralReader(const ObjectFiles& files, const Linkage& linkage, const CodeScan& scan,
                const ObjectModel& model)
      : linkage_(linkage), scan_(scan) {
    for (const Section& section : files.object->sections()) {
      if (has_literals(section)) sections_.push_back(&section);
    }
    for (const StaticRecord& object : model.statics) {
      if (section_of(object.address) == nullptr) continue;
      const bool guessed = (object.flags & types::kStaticSizeGuessed) != 0;
      objects_.emplace(object.address, object.address + (guessed ? 1 : object.size));
    }
  }

  // Start and size of each, by address.
  std::map<std::uint64_t, std::uint64_t> read() {
    collect_references();
    for (const auto& [at, copied] : references_) {
      if (begins_something(at)) accept(at, copied);
    }
    const std::map<std::uint64_t, std::uint64_t> whole = literals_;
    for (const auto& [at, copied] : references_) {
      if (!whole.contains(at) && is_inside(whole, at)) accept(at, copied);
    }
    return std::move(literals_);
  }

 private:
  const Section* section_of(std::uint64_t address) const {
    for (const Section* section : sections_) {
      if (address - section->address < section->bytes.size()) return section;
    }
    return nullptr;
  }
  static std::span<const std::byte> bytes_from(const Section& section, std::uint64_t address) {
    const auto rest = section.bytes.subspan(address - section.address);
    return rest.first(std::min(rest.size(), kLongest));
  }

  void collect_references() {
    std::set<std::uint64_t> tables;
    const auto add = [&](std::uint64_t target, std::uint64_t copied) {
      if (section_of(target) == nullptr || is_in_object(target)) return;
      std::uint64_t& most = references_[target];
      most = std::max(most, copied);
    };
    for (const DataRead& read : scan_.reads) starts_.insert(read.target);
    for (const AddressTaken& reference : scan_.references) {
      if (reference.is_table) tables.insert(reference.target);
      starts_.insert(reference.target);
      add(reference.target, reference.copied);
    }
    for (const DataPointer& pointer : linkage_.data_pointers()) {
      add(pointer.target, kNothingCopied);
      starts_.insert(pointer.target);
      if (section_of(pointer.at) != nullptr) pointers_.insert(pointer.at);
    }
    for (const std::uint64_t table : tables) references_.erase(table);
  }

  bool is_in_object(std::uint64_t address) const {
    auto object = objects_.upper_bound(address);
    while (object != objects_.begin()) {
      --object;
      if (object->second > address) return true;
      if (address - object->first > kLongest) return false;
      if (object->second != object->first) return false;  // objects hardly ever overlap
    }
    return false;
  }

  bool begins_something(std::uint64_t at) const {
    const Section& section = *section_of(at);
    if (at == section.address) return true;
    if (section.bytes[at - 1 - section.address] == std::byte{0}) return true;
    const auto after = objects_.lower_bound(at);
    return after != objects_.begin() && std::prev(after)->second == at;
  }

  static bool is_inside(const std::map<std::uint64_t, std::uint64_t>& literals, std::uint64_t at) {
    const auto after = literals.upper_bound(at);
    if (after == literals.begin()) return false;
    return at - std::prev(after)->first < std::prev(after)->second;
  }

  void accept(std::uint64_t at, std::uint64_t copied) {
    const Section& section = *section_of(at);
    const std::span<const std::byte> bytes = bytes_from(section, at);
    const auto length = text_length(bytes);
    if (!length || copied > *length + 1) return;
    const bool only_texts = (section.flags & SHF_STRINGS) != 0;
    if (!only_texts && may_be_number(bytes, at, *length)) return;
    const auto pointer = pointers_.lower_bound(at);
    if (pointer != pointers_.end() && *pointer < at + *length + 1) return;
    const auto object = objects_.lower_bound(at);
    if (object != objects_.end() && object->first < at + *length + 1) return;
    if (!only_texts && !ends_before_something(section, at + *length + 1)) return;
    literals_[at] = *length + 1;
  }

  bool ends_before_something(const Section& section, std::uint64_t end) const {
    constexpr std::uint64_t kMostPadding = 64;
    const std::uint64_t section_end = section.address + section.bytes.size();
    for (std::uint64_t at = end; at < end + kMostPadding; ++at) {
      if (at >= section_end || starts_.contains(at) || objects_.contains(at)) return true;
      if (section.bytes[at - section.address] != std::byte{0}) return false;
    }
    return true;
  }

  // Whether text and the NULs behind it fill an aligned 2, 4 or 8 bytes.
  static bool may_be_number(std::span<const std::byte> bytes, std::uint64_t at,
                            std::size_t length) {
    for (const std::size_t size : {2u, 4u, 8u}) {
      if (at % size != 0 || length + 1 >= size || bytes.size() < size) continue;
      const auto rest = bytes.subspan(length, size - length);
      const bool zeros =
          std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == std::byte{0}; });
      if (zeros) return true;
    }
    return false;
  }

  const Linkage& linkage_;
  const CodeScan& scan_;
  std::vector<const Section*> sections_;
  std::multimap<std::uint64_t, std::uint64_t> objects_;  // start, end
  std::map<std::uint64_t, std::uint64_t> references_;    // target, bytes copied from there
  std::set<std::uint64_t> starts_;                       // whatever code or data refers to
  std::set<std::uint64_t> pointers_;                     // places of pointers among the literals
  std::map<std::uint64_t, std::uint64_t> literals_;      // start, size
};

}  // namespace

std::optional<std::size_t> text_length(std::span<const std::byte> bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    if (bytes[at] == std::byte{0}) return at;
    const std::size_t length = character_length(bytes, at);
    if (length == 0) return std::nullopt;
    at += length;
  }
  return std::nullopt;
}

void read_string_literals(const ObjectFiles& files, const Linkage& linkage, const CodeScan& scan,
                          ObjectModel& model) {
  if (!files.has_symtab) return;
  constexpr std::uint8_t kDwarfSignedChar = 6;  // DW_ATE_signed_char
  const auto literals = LiteralReader{files, linkage, scan, model}.read();
  for (const auto& [address, size] : literals) {
    StaticRecord record;
    record.address = address;
    record.size = size;
    record.type = model.types.array_of(model.types.base_type(kDwarfSignedChar, 1, "char"), size);
    record.kind = types::StaticKind::string_literal;
    record.flags = types::kStaticInferred;
    model.statics.push_back(record);
  }
}

}  // namespace allocs::meta
