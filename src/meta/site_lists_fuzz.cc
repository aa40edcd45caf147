// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "meta/listed_functions.h"
#include "meta/site_lists.h"
#include "meta/type_spelling.h"

// The input is the section .allocs.sites. What is read of it was in it: no more sites than lines, no list without a name of its own; and
// all names can be compared.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace allocs::meta;
  const std::string_view section{reinterpret_cast<const char*>(bytes), size};
  Diagnostics diag;
  std::size_t lines = 0;
  for (const char c : section) lines += c == '\n' ? 1 : 0;
  for (const SiteList& list : read_site_lists(section, "input", diag)) {
    if (list.sites.size() + 2 > lines) __builtin_trap();
    lines -= list.sites.size() + 2;
    for (const ListedSite& site : list.sites) {
      if (compare_functions(site.function, {site.callee, site.function}) != FunctionFit::same &&
          !site.function.empty())
        __builtin_trap();
      compare_functions(site.function, {site.callee, {}});
      comparable_spelling(site.type.name);
    }
  }
  return 0;
}
