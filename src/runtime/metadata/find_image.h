// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "elf/build_id.h"
#include "runtime/metadata/mapped_file.h"
#include "runtime/metadata/places.h"
#include "types/image.h"
#include "types/image_path.h"

namespace allocs::metadata {

// How far an image is read before it is given.
enum class Check : std::uint8_t {
  header,   // no content: see find_image_unread()
  sums,     // the sums of its pages: whoever takes it has it check_pages()
  content,  // all of it
};

// The image of an object, mapped and checked: format, version, checksums, build-id (or size and time), and that nobody else could have written
// it. What does not pass is passed over. The mapping stays. Context: query.
std::optional<types::Image> find_image(const Places& places, const types::ObjectIdentity& identity,
                                       Check check = Check::content);

// The image inside an object's file, in its section ".allocs". `file` must stay mapped.
std::optional<types::Image> find_embedded_image(const MappedFile& file,
                                                const types::ObjectIdentity& identity,
                                                Check check = Check::content);

// For who looks up single records inside a hook, and cannot read a whole image first: the same, but for the checksum of the
// content. Only the image stays mapped, until unmap(). `path` is of the object that may carry one. Context: hook.
std::optional<types::Image> find_image_unread(const Places& places,
                                              const types::ObjectIdentity& identity);
std::optional<types::Image> find_embedded_image_unread(const char* path,
                                                       types::ObjectIdentity identity);
void unmap(const types::Image& image);

// The build-id of an ELF file; size 0 if it has none.
elf::BuildId build_id_of(const MappedFile& file);

// Is `image` of that very object?
bool is_image_of(const types::Image& image, const types::ObjectIdentity& identity);

}  // namespace allocs::metadata
