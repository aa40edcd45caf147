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
  sums,     // the sums of its pages: whoever takes it has it check_pages()
  content,  // all of it
};

// The image of an object, mapped and checked: format, version, checksums, build-id (or size and time), and that nobody else could have written
// it. What does not pass is passed over. The mapping stays. Context: hook with Check::sums, else query.
std::optional<types::Image> find_image(const Places& places, const types::ObjectIdentity& identity,
                                       Check check = Check::content);

// The image inside an object's file, in its section ".allocs". `file` must stay mapped.
std::optional<types::Image> find_embedded_image(const MappedFile& file,
                                                const types::ObjectIdentity& identity,
                                                Check check = Check::content);

// The same for the file at `path`, of which only the image stays mapped, until unmap(). Context: hook.
std::optional<types::Image> find_embedded_image(const char* path, types::ObjectIdentity identity,
                                                Check check);
void unmap(const types::Image& image);

// The build-id of an ELF file; size 0 if it has none.
elf::BuildId build_id_of(const MappedFile& file);

// Is `image` of that very object?
bool is_image_of(const types::Image& image, const types::ObjectIdentity& identity);

}  // namespace allocs::metadata
