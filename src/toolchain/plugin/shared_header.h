// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/Frontend/CompilerInvocation.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "toolchain/memo/memo.h"
#include "toolchain/plugin/parsed_header.h"

namespace allocs::plugin {

// The header that a C unit begins with is read once for all units of a project that begin with it.
//
// The first directive of most units includes the project's own header, which includes most of what there is to read: of redis' units
// 49 begin with server.h, and that is two thirds of t_list.c and more than a third of t_hash.c. What clang has made of it is kept in the user's cache, `headers`
// beside the images, and remembered like a site list: as long as nothing changes that it was made of.
// See docs/decisions/22_headers_are_read_once.md.
class SharedHeader {
 public:
  // `command` is clang's, with the source as its last word; before anything is read for it, and before what it reads is recorded.
  explicit SharedHeader(std::vector<const char*> command);

  // Makes the unit of `invocation` begin with the header as it was read before, if it was, and then says so. `files` is what the unit is read from;
  // `record` takes down what the header was made of. What is kept for others is read here if it is time to. `files` holds until the next call.
  bool put_before(clang::CompilerInvocation& invocation, FileSystem& files,
                  memo::DependencyRecord& record);

 private:
  // To read a header for its own sake.
  struct Attempts {
    std::uint64_t count = 0;
    std::uint64_t last = 0;  // seconds since 1970
  };

  std::optional<memo::Memo::Recalled> entry(const Hash128& key, const VirtualFile& source,
                                            memo::DependencyRecord& record) const;
  bool is_worth_reading(const Hash128& account) const;
  void note(const Hash128& account, const Attempts& attempts) const;
  static Attempts parse(std::string_view text);

  std::vector<const char*> command_;
  std::optional<memo::Memo> memo_;
  Hash128 setting_;  // all that decides what is made of a header, but for which one
  std::string source_;
  memo::Content content_{{}};  // of the header that was put before
};

}  // namespace allocs::plugin
