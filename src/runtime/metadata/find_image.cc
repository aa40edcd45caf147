// SPDX-License-Identifier: Apache-2.0
#include "runtime/metadata/find_image.h"

#include <algorithm>

#include "elf/file.h"

namespace allocs::metadata {

namespace {

constexpr std::size_t kLongestPath = 2048;

std::optional<types::Image> open_image_at(const char* path, const types::ObjectIdentity& identity) {
  const auto file = map_file(path);
  if (!file) return std::nullopt;
  if (is_trustworthy(*file)) {
    auto image = types::Image::open(file->bytes, file->size);
    if (image && is_image_of(*image, identity) && image->content_is_intact()) return image;
  }
  unmap(*file);
  return std::nullopt;
}

}  // namespace

elf::BuildId build_id_of(const MappedFile& file) {
  const SpanMemory bytes(Address{0}, file.bytes, file.size);
  const elf::File object(file.bytes, file.size);
  for (std::size_t i = 0; i < elf::kMaxProgramHeaders; ++i) {
    const auto header = object.program_header(i);
    if (!header) break;
    if (header->p_type != PT_NOTE) continue;
    const Address begin{header->p_offset};
    if (auto id = elf::find_build_id(bytes, {begin, begin + header->p_filesz}, header->p_align))
      return *id;
  }
  return {};
}

bool is_image_of(const types::Image& image, const types::ObjectIdentity& identity) {
  if (!identity.build_id.empty()) return std::ranges::equal(image.build_id(), identity.build_id);
  const types::ImageHeader& header = image.header();
  return header.build_id_size == 0 && header.file_size == identity.file_size &&
         header.file_mtime_ns == identity.file_mtime_ns;
}

std::optional<types::Image> find_image(const Places& places,
                                       const types::ObjectIdentity& identity) {
  std::optional<types::Image> found;
  places.for_each_directory([&](std::string_view directory) {
    char path[kLongestPath];
    TextWriter text(path, sizeof(path));
    types::put_image_path(text, directory, identity);
    if (text.fits()) found = open_image_at(path, identity);
    return found.has_value();
  });
  return found;
}

std::optional<types::Image> find_embedded_image(const MappedFile& file,
                                                const types::ObjectIdentity& identity) {
  const elf::File object(file.bytes, file.size);
  const auto section = object.find_section(".allocs");
  const std::byte* content = section ? object.content(*section) : nullptr;
  if (content == nullptr) return std::nullopt;
  auto image = types::Image::open(content, section->sh_size);
  if (image && is_image_of(*image, identity) && image->content_is_intact()) return image;
  return std::nullopt;
}

}  // namespace allocs::metadata
