// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "meta/object_file.h"
#include "types/site_list.h"

// The site lists that an object carries: what the compiler plugin wrote beside a compilation by another compiler, one chunk for
// each unit. docs/formats/site_list.md is the format.
namespace allocs::meta {

struct ListedType {
  std::string name;  // canonical, in clang's spelling; empty: there is none
  std::uint64_t size = 0;
  std::string file;  // where the tagged type in it is declared; empty: there is none in it
  std::uint32_t line = 0;
  friend bool operator==(const ListedType&, const ListedType&) = default;
};

struct ListedSite {
  std::string function;  // linkage name; empty: the initialiser of a global variable
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string callee;                   // linkage name; empty: called through a pointer
  std::optional<types::SiteKind> kind;  // nothing: the call's type is not known
  ListedType type;
  ListedType tail;                     // of a flexible one
  std::vector<ListedType> others;      // of one of several: what it is if not `type`
  std::optional<std::uint64_t> bytes;  // what is asked for, if that is a constant

  bool is_wrapper() const { return kind && kind->origin == types::SiteOrigin::wrapper; }
  bool says_the_same(const ListedSite& other) const {
    return kind.has_value() == other.kind.has_value() &&
           (!kind || (kind->origin == other.kind->origin && kind->shape == other.kind->shape)) &&
           type == other.type && tail == other.tail && others == other.others;
  }
};

struct SiteList {
  std::string unit;       // DW_AT_name
  std::string directory;  // DW_AT_comp_dir
  std::vector<ListedSite> sites;
};

// Where the lists are: in the object, or else in its debug file. nullptr if there are none.
const Section* site_list_section(const ObjectFiles& files);

// The chunks that are whole, in the order of the section. A chunk that was cut, or of which one line cannot be understood, is left
// out with a warning: without that line, calls might seem to have a place to themselves that they share.
std::vector<SiteList> read_site_lists(std::string_view section, const std::string& path,
                                      Diagnostics& diag);

}  // namespace allocs::meta
