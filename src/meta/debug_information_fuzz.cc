// SPDX-License-Identifier: Apache-2.0
// An ELF object with debug information, damaged. Whatever comes of it ends, in bounded memory; and an image, if there is one, is whole.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

#include "base/fuzz_mutate.h"
#include "elf/file_parts.h"
#include "meta/build_metadata.h"
#include "types/image.h"

namespace {

using namespace allocs;

// A file without a name.
class Object {
 public:
  Object(const std::uint8_t* bytes, std::size_t size)
      : descriptor_(memfd_create("object", MFD_CLOEXEC)) {
    while (size != 0) {
      const ssize_t written = write(descriptor_, bytes, size);
      if (written <= 0) break;
      bytes += written;
      size -= static_cast<std::size_t>(written);
    }
    is_there_ = size == 0;
  }
  ~Object() { close(descriptor_); }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  bool is_there() const { return is_there_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
  bool is_there_ = false;
};

// What `meta` reads, of a section of that name: the debug information, and what tells of code.
bool is_read(std::string_view name) {
  for (const std::string_view prefix : {".debug_", ".eh_frame", ".rela", ".text", ".rodata",
                                        ".symtab", ".dynsym", ".allocs", ".plt"}) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const Object object(bytes, size);
  if (!object.is_there()) return 0;
  meta::Options options;
  options.fold_after = 8;  // inputs are small
  options.object = object.path();
  meta::Diagnostics diag;
  const std::vector<std::byte> made = meta::build_image(options, diag);
  if (made.empty()) return 0;
  std::vector<std::uint64_t> words((made.size() + 7) / 8);
  std::memcpy(words.data(), made.data(), made.size());
  const auto image =
      types::Image::open(reinterpret_cast<const std::byte*>(words.data()), made.size());
  if (!image || !image->content_is_intact()) __builtin_trap();
  for (const types::TypeRecord& type : image->types()) {
    if (image->members_of(type).size() != type.count && type.kind == types::Kind::composite)
      __builtin_trap();
  }
  return 0;
}

// Mostly within one section that is read: elsewhere few bytes matter.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* bytes, std::size_t size,
                                               std::size_t most, unsigned seed) {
  std::minstd_rand random(seed);
  const auto file = elf::FileView::open(reinterpret_cast<const std::byte*>(bytes), size);
  if (!file || random() % 16 == 0) return LLVMFuzzerMutate(bytes, size, most);
  for (unsigned attempt = 0; attempt < 64; ++attempt) {
    const auto count = file->section_headers();
    if (count == 0) break;
    const auto section = file->section_header(static_cast<std::uint32_t>(random() % count));
    if (!section || section->sh_type == SHT_NOBITS || section->sh_size == 0) continue;
    if (section->sh_offset > size || section->sh_size > size - section->sh_offset) continue;
    if (!is_read(file->section_name(*section).value_or(""))) continue;
    // A stretch of it, which keeps its size.
    const std::size_t stretch = std::min<std::size_t>(section->sh_size, 1 + random() % 64);
    const std::size_t at = section->sh_offset + random() % (section->sh_size - stretch + 1);
    LLVMFuzzerMutate(bytes + at, stretch, stretch);
    return size;
  }
  return LLVMFuzzerMutate(bytes, size, most);
}
