// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace allocs::allocscc {

// What lies about this program, by absolute path; empty where it is not there. The tree may be moved as a whole.
struct Installation {
  std::string plugin;      // lib/allocs/liballocs_clang_plugin.so
  std::string list_sites;  // lib/allocs/allocs-list-sites, an optional part
  std::string
      link_library;    // lib/liballocs_link.a: the query functions, for programs that use them
  std::string marker;  // lib/allocs/marker.o: the note "this object carries an image"
  std::string tool;    // bin/allocs
  std::string plugins =
      {};  // lib/allocs, with gcc-N/allocs.so for those versions of gcc that there is a plugin for
};

Installation find_installation();

}  // namespace allocs::allocscc
