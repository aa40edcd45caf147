// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <allocs/elf_file.h>

#include <cstdint>
#include <cstring>
#include <string_view>

// Tables of ELF files as the tree tells them. Files come in two classes and two orders of bytes; where a member is, how large it is and which of its bytes comes first is asked of the
// type, so one program reads all four.

// A member of a structure. In a structure without it, it is 0 everywhere.
struct Field {
  Field() = default;
  Field(const uniqtype* structure, const char* name) {
    for (unsigned i = 0; i < UNIQTYPE_COMPOSITE_MEMBER_COUNT(structure); ++i) {
      if (std::strcmp(uniqtype_member_name(structure, i), name) != 0) continue;
      offset = UNIQTYPE_SUBOBJECT_OFFSET(structure, i);
      const uniqtype* type = UNIQTYPE_SUBOBJECT_TYPE(structure, i);
      if (UNIQTYPE_IS_COMPOSITE_TYPE(type))
        type = UNIQTYPE_SUBOBJECT_TYPE(type, 0);  // d_un: all of one size
      size = uniqtype_size(type);
      is_big_endian = uniqtype_is_big_endian(type) != 0;
      is_signed = UNIQTYPE_IS_2S_COMPL_INTEGER_TYPE(type);
    }
  }
  const char* at(const char* structure) const { return structure + offset; }
  std::uint64_t of(const char* structure) const {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const auto byte =
          static_cast<unsigned char>(structure[offset + (is_big_endian ? i : size - 1 - i)]);
      number = number << 8 | byte;
    }
    const unsigned unused = size == 0 ? 0 : static_cast<unsigned>(64 - 8 * size);
    return is_signed
               ? static_cast<std::uint64_t>(static_cast<std::int64_t>(number << unused) >> unused)
               : number;
  }
  std::size_t offset = 0, size = 0;
  bool is_big_endian = false, is_signed = false;
};

// The structure of that name without its class and order: "Sym" of Elf64_Sym, Elf32_Sym, big_endian_Elf32_Sym.
inline bool is_structure(const uniqtype* type, std::string_view name) {
  if (type == nullptr) return false;
  std::string_view whole = uniqtype_name(type);
  constexpr std::string_view kOrder = "big_endian_";
  if (whole.substr(0, kOrder.size()) == kOrder) whole.remove_prefix(kOrder.size());
  const std::string_view start = whole.substr(0, 6);
  return (start == "Elf64_" || start == "Elf32_") && whole.substr(6) == name;
}

// The structures, if the allocation is an array of those.
class Table {
 public:
  Table(const alloc_info& part, std::string_view structure) {
    const uniqtype* const element =
        part.type == nullptr ? nullptr : UNIQTYPE_ARRAY_ELEMENT_TYPE(part.type);
    if (!is_structure(element, structure)) return;
    type_ = element;
    first_ = static_cast<const char*>(part.base);
    size_ = uniqtype_size(element);
    count_ = part.size / size_;
  }
  std::size_t count() const { return count_; }
  const uniqtype* type() const { return type_; }
  const char* operator[](std::size_t i) const { return first_ + i * size_; }
  // Which one is there.
  std::size_t index_of(const char* structure) const {
    return size_ == 0 ? 0 : static_cast<std::size_t>(structure - first_) / size_;
  }

 private:
  const uniqtype* type_ = nullptr;
  const char* first_ = nullptr;
  std::size_t size_ = 0, count_ = 0;
};

struct SectionFields {
  Field name, type, flags, address, offset, size, link, info, alignment, entry;
  SectionFields() = default;
  explicit SectionFields(const uniqtype* of)
      : name(of, "sh_name"),
        type(of, "sh_type"),
        flags(of, "sh_flags"),
        address(of, "sh_addr"),
        offset(of, "sh_offset"),
        size(of, "sh_size"),
        link(of, "sh_link"),
        info(of, "sh_info"),
        alignment(of, "sh_addralign"),
        entry(of, "sh_entsize") {}
};
struct SegmentFields {
  Field type, flags, offset, address, physical, in_file, in_memory, alignment;
  explicit SegmentFields(const uniqtype* of)
      : type(of, "p_type"),
        flags(of, "p_flags"),
        offset(of, "p_offset"),
        address(of, "p_vaddr"),
        physical(of, "p_paddr"),
        in_file(of, "p_filesz"),
        in_memory(of, "p_memsz"),
        alignment(of, "p_align") {}
};
struct SymbolFields {
  Field name, info, other, section, value, size;
  SymbolFields() = default;
  explicit SymbolFields(const uniqtype* of)
      : name(of, "st_name"),
        info(of, "st_info"),
        other(of, "st_other"),
        section(of, "st_shndx"),
        value(of, "st_value"),
        size(of, "st_size") {}
};
struct RelocationFields {
  Field offset, info, addend;  // without one: of size 0
  explicit RelocationFields(const uniqtype* of)
      : offset(of, "r_offset"), info(of, "r_info"), addend(of, "r_addend") {}
};
