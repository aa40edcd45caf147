// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

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

// -1 if there is no such site, or no program.
inline int is_confirmed(const Compilation& compilation, std::string_view code, bool has_unseen) {
  std::string source(has_unseen ? "#define UNSEEN\n" : "");
  (source += kUsesCommon) += code;
  CompiledSubject subject{compilation, source + "int main() { return 0; }\n", false};
  const auto image = subject.is_compiled() ? subject.image() : std::nullopt;
  if (!image) return -1;
  for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites)) {
    if (std::string_view(image->text(site.function)) == "site")
      return (site.flags & types::kSiteUsedAsTold) != 0 ? 1 : 0;
  }
  return -1;
}

// The block of an owner, used in one more way. Without UNSEEN its type is confirmed, with it it is not.
struct UseCase {
  std::string_view name;
  std::string_view code;
};

// The cases, and how they were compiled, in which that is not so.
inline std::vector<std::string> wrongly_confirmed(std::span<const UseCase> cases) {
  std::vector<std::string> found;
  for (const char* command : {"gcc -g -O0", "gcc -g -O2", "clang-19 -g -O0", "clang-19 -g -O2"}) {
    const Compilation compilation{command};
    for (const UseCase& one : cases) {
      const std::string code = std::string(kUsesOwner).append(one.code);
      const std::string name = std::string(command).append(": ").append(one.name);
      if (is_confirmed(compilation, code, false) != 1) found.push_back(name + ", not confirmed");
      if (is_confirmed(compilation, code, true) != 0) found.push_back(name + ", UNSEEN");
    }
  }
  return found;
}

}  // namespace allocs::meta
