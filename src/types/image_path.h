// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/every_process.h"
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
  std::uint64_t configuration = 0;  // ConfigurationHash of what users declared; 0: nothing
};

// "<directory>/ab/cdef....meta" by build-id; "<directory>/by-path/<16 hex digits>.meta" without one. What users declared goes into an
// image, so it goes into its name as well: "...+<16 hex digits>.meta". Context: signal.
[[ALLOCS_EVERY_PROCESS]] inline void put_image_path(TextWriter& out, std::string_view directory,
                                                    const ObjectIdentity& identity) {
  constexpr char kDigits[] = "0123456789abcdef";
  const auto put_digits = [&](std::uint64_t number) {
    for (int shift = 60; shift >= 0; shift -= 4) out.put(kDigits[number >> shift & 15]);
  };
  out.put(directory).put('/');
  if (identity.build_id.empty()) {
    Hasher hasher;
    hasher.add(identity.path);
    hasher.add(identity.file_size);
    hasher.add(identity.file_mtime_ns);
    out.put("by-path/");
    put_digits(hasher.finish().high);
  } else {
    for (std::size_t i = 0; i < identity.build_id.size(); ++i) {
      out.put(kDigits[identity.build_id[i] >> 4]).put(kDigits[identity.build_id[i] & 15]);
      if (i == 0) out.put('/');
    }
  }
  if (identity.configuration != 0) {
    out.put('+');
    put_digits(identity.configuration);
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
