// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/hash.h"
#include "base/text_writer.h"

// Where the image of an object is kept below a metadata directory: the writer and every reader agree on it here.
namespace allocs::types {

// What tells one object from another: its build-id, or, for an object without one, its path, size and modification time.
struct ObjectIdentity {
  std::span<const std::uint8_t> build_id{};
  std::string_view path{};
  std::uint64_t file_size = 0;
  std::uint64_t file_mtime_ns = 0;
};

// "<directory>/ab/cdef....meta" by build-id; "<directory>/by-path/<16 hex digits>.meta" without one. Context: signal.
inline void put_image_path(TextWriter& out, std::string_view directory,
                           const ObjectIdentity& identity) {
  constexpr char kDigits[] = "0123456789abcdef";
  out.put(directory).put('/');
  if (identity.build_id.empty()) {
    Hasher hasher;
    hasher.add(identity.path);
    hasher.add(identity.file_size);
    hasher.add(identity.file_mtime_ns);
    const std::uint64_t hash = hasher.finish().high;
    out.put("by-path/");
    for (int shift = 60; shift >= 0; shift -= 4) out.put(kDigits[hash >> shift & 15]);
  } else {
    for (std::size_t i = 0; i < identity.build_id.size(); ++i) {
      out.put(kDigits[identity.build_id[i] >> 4]).put(kDigits[identity.build_id[i] & 15]);
      if (i == 0) out.put('/');
    }
  }
  out.put(".meta");
}

// The user's own directory: $XDG_CACHE_HOME/allocs, else $HOME/.cache/allocs; nothing is put when both are empty.
inline void put_user_cache(TextWriter& out, std::string_view xdg_cache_home,
                           std::string_view home) {
  if (!xdg_cache_home.empty() && xdg_cache_home.front() == '/') {
    out.put(xdg_cache_home).put("/allocs");
  } else if (!home.empty()) {
    out.put(home).put("/.cache/allocs");
  }
}

inline constexpr std::string_view kSystemImages = "/var/cache/allocs";

}  // namespace allocs::types
