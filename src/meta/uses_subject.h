// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>

#include "meta/compiled_subject.h"

// For tests: programs that allocate in `site` and use the block as bytes where that is easy to see. With UNSEEN the block is
// read as a structure as well, where that is hard to see: use must not confirm the type then.
namespace allocs::meta {

inline constexpr std::string_view kUsesCommon = R"(#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#define N __attribute__((noinline))
struct head { long size; struct head *next; };
void *volatile hidden;
)";

// A block that is kept in a member.
inline constexpr std::string_view kUsesOwner = R"(
struct owner { long id, used; char *bytes; long end; };
N void fill(struct owner *o) { o->bytes[o->used++] = 1; }
N void site(struct owner *o) { o->bytes = malloc(4096); }
)";

// -1 if there is no such site.
inline int is_confirmed(const Compilation& compilation, std::string_view code, bool has_unseen) {
  std::string source(has_unseen ? "#define UNSEEN\n" : "");
  (source += kUsesCommon) += code;
  CompiledSubject subject{compilation, source + "int main() { return 0; }\n", false};
  EXPECT_TRUE(subject.is_compiled());
  const auto image = subject.is_compiled() ? subject.image() : std::nullopt;
  if (!image) return -1;
  for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites)) {
    if (std::string_view(image->text(site.function)) == "site")
      return (site.flags & types::kSiteUsedAsTold) != 0 ? 1 : 0;
  }
  return -1;
}

// The block of an owner, used in one more way.
struct UseCase {
  std::string_view name;
  std::string_view code;
  bool is_seen_at_O0 = true;  // without UNSEEN it is confirmed there as well
  bool is_seen_by_clang = true;
};

inline void expect_confirmed_unless_unseen(std::span<const UseCase> cases) {
  for (const char* command : {"gcc -g -O0", "gcc -g -O2", "clang-19 -g -O0", "clang-19 -g -O2"}) {
    const Compilation compilation{command};
    const bool is_optimised = compilation.command.ends_with("-O2");
    const bool is_clang = compilation.command.starts_with("clang");
    for (const UseCase& one : cases) {
      const std::string code = std::string(kUsesOwner).append(one.code);
      const bool is_seen =
          (one.is_seen_at_O0 || is_optimised) && (one.is_seen_by_clang || !is_clang);
      EXPECT_EQ(is_confirmed(compilation, code, false), is_seen ? 1 : 0)
          << command << ": " << one.name;
      EXPECT_EQ(is_confirmed(compilation, code, true), 0) << command << ": " << one.name;
    }
  }
}

}  // namespace allocs::meta
