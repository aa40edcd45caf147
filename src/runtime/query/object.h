// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "allocs.h"
#include "base/address.h"
#include "base/text.h"
#include "elf/file.h"
#include "types/image.h"
#include "types/instantiate.h"

namespace allocs::query {

// One loaded ELF object, as a query sees it: where it is, and what its metadata says. The metadata belongs to the reader, whichever
// process the object is loaded in.
struct Object {
  AddressRange range{};
  LoadBias bias{};
  const char* path = "";
  std::uint32_t instance = 0;    // in the module table; 0: not in it
  std::uint64_t tls_module = 0;  // 0: has no thread-locals
  std::uint64_t tls_size = 0;
  bool is_loader = false;  // the dynamic linker itself
  std::optional<types::Image> image{};
  types::TypeSlots slots{};
  int image_error = 0;      // why there is no image
  bool was_tried = false;   // an image was asked for once
  bool is_settled = false;  // nothing more will come
  elf::File file{};         // the object's file, to fall back on; may be empty

  LinkAddress link_address(Address a) const { return a - bias; }
};

// The dynamic linker is told by its name. Context: signal.
inline bool is_loader_path(std::string_view path) {
  const std::string_view name = part_of(path, path.rfind('/') + 1);
  return begins_with(name, "ld-linux") || begins_with(name, "ld-2.");
}

}  // namespace allocs::query
