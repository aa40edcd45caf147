// SPDX-License-Identifier: Apache-2.0
#include "runtime/metadata/find_image.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>

#include "base/every_process.h"
#include "base/raw_syscall.h"
#include "elf/content_hash.h"
#include "elf/file.h"

namespace allocs::metadata {

namespace {

constexpr std::size_t kLongestPath = 2048;

constexpr std::uint64_t kPageSize = 4096;

bool is_intact(const types::Image& image, Check check) {
  return check == Check::sums ? image.sums_are_intact() : image.content_is_intact();
}

std::optional<types::Image> open_image(const std::byte* bytes, std::uint64_t size,
                                       const types::ObjectIdentity& identity, Check check) {
  auto image = types::Image::open(bytes, size);
  if (!image || !is_image_of(*image, identity)) return std::nullopt;
  return is_intact(*image, check) ? image : std::nullopt;
}

[[ALLOCS_EVERY_PROCESS]] std::optional<types::Image> open_image_at(
    const char* path, const types::ObjectIdentity& identity, Check check) {
  const auto file = map_file(path);
  if (!file) return std::nullopt;
  if (is_trustworthy(*file)) {
    if (auto image = open_image(file->bytes, file->size, identity, check)) return image;
  }
  unmap(*file);
  return std::nullopt;
}

// Is there a folder in which the image would lie? Of most objects there is none, and then what users declared need not be read.
[[ALLOCS_EVERY_PROCESS]] bool may_be_found(const Places& places,
                                           const types::ObjectIdentity& identity) {
  return places.for_each_directory([&](std::string_view directory) ALLOCS_EVERY_PROCESS_LAMBDA {
    char path[kLongestPath];
    TextWriter text(path, sizeof(path));
    types::put_image_path(text, directory, identity);
    const std::size_t folder = text.text().rfind('/');
    if (!text.fits() || folder == std::string_view::npos) return false;
    path[folder] = '\0';
    struct stat
        unused;  // (access() would ask for the real user, and files are opened for the effective one)
    return raw_syscall(SYS_newfstatat, AT_FDCWD, path, &unused, 0).ok();
  });
}

[[ALLOCS_EVERY_PROCESS]] std::optional<types::Image> find_in_directories(
    const Places& places, types::ObjectIdentity identity, Check check) {
  if (!may_be_found(places, identity)) return std::nullopt;
  const auto configuration = places.configuration();
  if (!configuration) return std::nullopt;
  identity.configuration = *configuration;
  std::optional<types::Image> found;
  places.for_each_directory([&](std::string_view directory) {
    char path[kLongestPath];
    TextWriter text(path, sizeof(path));
    types::put_image_path(text, directory, identity);
    if (text.fits()) found = open_image_at(path, identity, check);
    return found.has_value();
  });
  return found;
}

bool has_content_of(const types::Image& image, const elf::File& object) {
  const types::ImageHeader& header = image.header();
  if (header.build_id_size != 0 || (header.flags & types::kImageKnownByContent) == 0) return false;
  const auto hash = elf::hash_of_loaded_content(object);
  return hash && header.file_size == hash->low && header.file_mtime_ns == hash->high;
}

std::optional<types::Image> open_embedded_image(const MappedFile& file,
                                                const types::ObjectIdentity& identity,
                                                Check check) {
  const elf::File object(file.bytes, file.size);
  const auto section = object.find_section(".allocs");
  const std::byte* content = section ? object.content(*section) : nullptr;
  if (content == nullptr) return std::nullopt;
  auto image = types::Image::open(content, section->sh_size);
  if (!image) return std::nullopt;
  const bool is_ours =
      identity.build_id.empty() ? has_content_of(*image, object) : is_image_of(*image, identity);
  return is_ours && is_intact(*image, check) ? image : std::nullopt;
}

// The pages that hold any of the bytes.
AddressRange pages_of(const void* bytes, std::uint64_t size) {
  const std::uint64_t begin = raw(address_of(bytes));
  return {Address{begin & ~(kPageSize - 1)},
          Address{(begin + size + kPageSize - 1) & ~(kPageSize - 1)}};
}
void unmap(AddressRange pages) {
  if (pages.size() != 0) raw_syscall(SYS_munmap, raw(pages.begin), pages.size());
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
  return header.build_id_size == 0 && (header.flags & types::kImageKnownByContent) == 0 &&
         header.file_size == identity.file_size && header.file_mtime_ns == identity.file_mtime_ns;
}

[[ALLOCS_EVERY_PROCESS]] std::optional<types::Image> find_image(
    const Places& places, const types::ObjectIdentity& identity, Check check) {
  return find_in_directories(places, identity, check);
}

std::optional<types::Image> find_embedded_image(const MappedFile& file,
                                                const types::ObjectIdentity& identity,
                                                Check check) {
  return open_embedded_image(file, identity, check);
}

std::optional<types::Image> find_embedded_image(const char* path, types::ObjectIdentity identity,
                                                Check check) {
  const auto file = map_file(path);
  if (!file) return std::nullopt;
  identity.file_size = file->size;
  identity.file_mtime_ns = file->mtime_ns;
  const auto image = open_embedded_image(*file, identity, check);
  const AddressRange all = pages_of(file->bytes, file->size);
  const AddressRange kept =
      image ? pages_of(&image->header(), image->header().size) : AddressRange{all.begin, all.begin};
  unmap(AddressRange{all.begin, kept.begin});
  unmap(AddressRange{kept.end, all.end});
  return image;
}

void unmap(const types::Image& image) { unmap(pages_of(&image.header(), image.header().size)); }

}  // namespace allocs::metadata
