// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>

#include "elf/elf.h"

// The forms that ELF files come in: two classes (fields of addresses have 4 or 8 bytes, and some structures another order), and two orders of bytes. Whoever reads a structure
// gets that of the 64-bit class in this machine's order, whatever the file has; and a place in the file's structure is told as that of the same field there.
//
// A structure is a table of its fields, one row each: where they are in the one class and in the other.
namespace allocs::elf {

struct FileForm {
  bool is_32 = false;
  bool is_big_endian = false;
  // Is a structure in it what this machine's <elf.h> has for the 64-bit class?
  constexpr bool is_own() const { return !is_32 && !is_big_endian; }
  friend bool operator==(const FileForm&, const FileForm&) = default;
};
static_assert(std::endian::native == std::endian::little);

struct FieldPlaces {
  std::uint8_t at_64, size_64, at_32, size_32;
  bool is_signed = false;
};

// `T` is a structure of the 64-bit class.
template <typename T>
struct Layout;

#define ALLOCS_PLACES(name, field)                                                             \
  {                                                                                            \
    offsetof(Elf64_##name, field), sizeof(Elf64_##name::field), offsetof(Elf32_##name, field), \
        sizeof(Elf32_##name::field)                                                            \
  }
#define ALLOCS_SIGNED(name, field)                                                             \
  {                                                                                            \
    offsetof(Elf64_##name, field), sizeof(Elf64_##name::field), offsetof(Elf32_##name, field), \
        sizeof(Elf32_##name::field), true                                                      \
  }
#define ALLOCS_LAYOUT(name, ...)                                 \
  template <>                                                    \
  struct Layout<Elf64_##name> {                                  \
    static constexpr std::size_t kSize32 = sizeof(Elf32_##name); \
    static constexpr FieldPlaces kFields[] = {__VA_ARGS__};      \
  }

// (Without e_ident, which is bytes.)
ALLOCS_LAYOUT(Ehdr, ALLOCS_PLACES(Ehdr, e_type), ALLOCS_PLACES(Ehdr, e_machine),
              ALLOCS_PLACES(Ehdr, e_version), ALLOCS_PLACES(Ehdr, e_entry),
              ALLOCS_PLACES(Ehdr, e_phoff), ALLOCS_PLACES(Ehdr, e_shoff),
              ALLOCS_PLACES(Ehdr, e_flags), ALLOCS_PLACES(Ehdr, e_ehsize),
              ALLOCS_PLACES(Ehdr, e_phentsize), ALLOCS_PLACES(Ehdr, e_phnum),
              ALLOCS_PLACES(Ehdr, e_shentsize), ALLOCS_PLACES(Ehdr, e_shnum),
              ALLOCS_PLACES(Ehdr, e_shstrndx));
ALLOCS_LAYOUT(Phdr, ALLOCS_PLACES(Phdr, p_type), ALLOCS_PLACES(Phdr, p_flags),
              ALLOCS_PLACES(Phdr, p_offset), ALLOCS_PLACES(Phdr, p_vaddr),
              ALLOCS_PLACES(Phdr, p_paddr), ALLOCS_PLACES(Phdr, p_filesz),
              ALLOCS_PLACES(Phdr, p_memsz), ALLOCS_PLACES(Phdr, p_align));
ALLOCS_LAYOUT(Shdr, ALLOCS_PLACES(Shdr, sh_name), ALLOCS_PLACES(Shdr, sh_type),
              ALLOCS_PLACES(Shdr, sh_flags), ALLOCS_PLACES(Shdr, sh_addr),
              ALLOCS_PLACES(Shdr, sh_offset), ALLOCS_PLACES(Shdr, sh_size),
              ALLOCS_PLACES(Shdr, sh_link), ALLOCS_PLACES(Shdr, sh_info),
              ALLOCS_PLACES(Shdr, sh_addralign), ALLOCS_PLACES(Shdr, sh_entsize));
ALLOCS_LAYOUT(Sym, ALLOCS_PLACES(Sym, st_name), ALLOCS_PLACES(Sym, st_info),
              ALLOCS_PLACES(Sym, st_other), ALLOCS_PLACES(Sym, st_shndx),
              ALLOCS_PLACES(Sym, st_value), ALLOCS_PLACES(Sym, st_size));
// r_info is put together in another way in each class: symbol_of_relocation().
ALLOCS_LAYOUT(Rel, ALLOCS_PLACES(Rel, r_offset), ALLOCS_PLACES(Rel, r_info));
ALLOCS_LAYOUT(Rela, ALLOCS_PLACES(Rela, r_offset), ALLOCS_PLACES(Rela, r_info),
              ALLOCS_SIGNED(Rela, r_addend));
ALLOCS_LAYOUT(Dyn, ALLOCS_SIGNED(Dyn, d_tag), ALLOCS_PLACES(Dyn, d_un));
// Those of versions are the same in both.
ALLOCS_LAYOUT(Verneed, ALLOCS_PLACES(Verneed, vn_version), ALLOCS_PLACES(Verneed, vn_cnt),
              ALLOCS_PLACES(Verneed, vn_file), ALLOCS_PLACES(Verneed, vn_aux),
              ALLOCS_PLACES(Verneed, vn_next));
ALLOCS_LAYOUT(Vernaux, ALLOCS_PLACES(Vernaux, vna_hash), ALLOCS_PLACES(Vernaux, vna_flags),
              ALLOCS_PLACES(Vernaux, vna_other), ALLOCS_PLACES(Vernaux, vna_name),
              ALLOCS_PLACES(Vernaux, vna_next));
ALLOCS_LAYOUT(Verdef, ALLOCS_PLACES(Verdef, vd_version), ALLOCS_PLACES(Verdef, vd_flags),
              ALLOCS_PLACES(Verdef, vd_ndx), ALLOCS_PLACES(Verdef, vd_cnt),
              ALLOCS_PLACES(Verdef, vd_hash), ALLOCS_PLACES(Verdef, vd_aux),
              ALLOCS_PLACES(Verdef, vd_next));
ALLOCS_LAYOUT(Verdaux, ALLOCS_PLACES(Verdaux, vda_name), ALLOCS_PLACES(Verdaux, vda_next));

#undef ALLOCS_LAYOUT
#undef ALLOCS_SIGNED
#undef ALLOCS_PLACES

template <typename T>
concept Structured = requires {
  Layout<T>::kSize32;
};

// Of the structure, in bytes of the file.
template <Structured T>
constexpr std::size_t size_in(FileForm form) {
  return form.is_32 ? Layout<T>::kSize32 : sizeof(T);
}
// Of an address.
constexpr std::size_t address_size_in(FileForm form) { return form.is_32 ? 4 : 8; }

// `size` bytes, at most 8, as a number.
inline std::uint64_t number_in(FileForm form, const std::byte* bytes, std::size_t size) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t place = form.is_big_endian ? size - 1 - i : i;
    number |= std::to_integer<std::uint64_t>(bytes[place]) << 8 * i;
  }
  return number;
}

// The structure, of which size_in() bytes are there.
template <Structured T>
T structure_in(FileForm form, const std::byte* bytes) {
  T value{};
  if (form.is_own()) {
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }
  auto* const into = reinterpret_cast<std::byte*>(&value);
  if constexpr (std::same_as<T, FileHeader>) std::memcpy(into, bytes, EI_NIDENT);
  for (const FieldPlaces& field : Layout<T>::kFields) {
    const std::size_t size = form.is_32 ? field.size_32 : field.size_64;
    const std::byte* const from = bytes + (form.is_32 ? field.at_32 : field.at_64);
    std::uint64_t number = number_in(form, from, size);
    if (field.is_signed && size == sizeof(std::int32_t))
      number = static_cast<std::uint64_t>(static_cast<std::int32_t>(number));
    std::memcpy(into + field.at_64, &number, field.size_64);
  }
  return value;
}

// Where the field that begins at `offset` of the file's structure is in `T`; none begins there: kNoField.
inline constexpr std::uint32_t kNoField = 0xFFFFFFFF;
template <Structured T>
constexpr std::uint32_t field_in(FileForm form, std::uint32_t offset) {
  for (const FieldPlaces& field : Layout<T>::kFields) {
    if (offset == (form.is_32 ? field.at_32 : field.at_64)) return field.at_64;
  }
  return kNoField;
}

}  // namespace allocs::elf
