// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "meta/linkage.h"
#include "meta/range_lists.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// Code of libstdc++ and glibc that asks for bytes, and that has no debug information in what distributions install:
//
// - std::string's members, out of line or inlined in each other. It allocates nothing but its characters ([string.require] in the C++ standard: by its allocator, of value_type).
//   The old string, shared by its copies, has a head in front of them: it is none of these.
// - std::filebuf's members: an array of char_type, and one of bytes in the file's encoding ([filebuf.virtuals]).
// - The static constructor that asks for the memory for exceptions which are thrown when there is none (the manual's chapter on GLIBCXX_TUNABLES: glibcxx.eh_pool). It has no symbol,
//   and is told by being a constructor of the library and calling malloc.
// - glibc's function that gives a stream its buffer, which is all that it asks for: an array of characters (setvbuf in the C standard).
class StandardLibraryCode {
 public:
  // `soname`: the object's. Needs the model's statics.
  void find(const ElfFile& object, std::string_view soname, const Linkage& linkage,
            const types::ObjectModel& model);
  // Of a call at `at` of the function of that name.
  bool asks_for_bytes(std::uint64_t at, std::string_view callee) const;

 private:
  std::vector<PcRange> members_, constructors_;
};

}  // namespace allocs::meta
