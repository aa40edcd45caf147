// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "runtime/index/walk_blocks.h"
#include "runtime/query/heap_query.h"
#include "runtime/query/static_query.h"
#include "tools/allocs/finding.h"

// How many blocks of which size each allocation site has, and what that says in terms of types.
namespace allocs::tool {

// Live blocks by site and size, and by what object they may begin with. Signed, since one may be taken from another.
struct HeapCensus {
  struct Kind {
    std::uint32_t site = 0;
    std::uint64_t size = 0;
    Address first_word{};  // if it leads into an object file
    bool operator==(const Kind&) const = default;
  };
  struct HashKind {
    std::size_t operator()(const Kind& kind) const {
      return ((kind.size ^ raw(kind.first_word) << 7) * 0x9E3779B97F4A7C15u) ^
             (std::uint64_t{kind.site} << 20);
    }
  };
  std::unordered_map<Kind, std::int64_t, HashKind> counts;
};

template <query::Process P>
HeapCensus take_census(const P& process) {
  HeapCensus census;
  if (process.root() == nullptr) return census;
  std::vector<AddressRange> objects;
  process.for_each_object([&](const query::Object& object) {
    objects.push_back(object.range);
    return true;
  });
  const auto is_in_object = [&](Address at) {
    return std::any_of(objects.begin(), objects.end(),
                       [&](const AddressRange& range) { return range.contains(at); });
  };
  index::for_each_block(process.tables(), *process.root(), [&](const index::Block& block) {
    const auto word = block.size < sizeof(std::uint64_t)
                          ? std::nullopt
                          : load<std::uint64_t>(process.blocks(), block.base);
    const bool leads_to_object = word && is_in_object(Address{*word});
    ++census.counts[{block.site, block.size, leads_to_object ? Address{*word} : Address{}}];
    return true;
  });
  return census;
}

inline HeapCensus growth(HeapCensus later, const HeapCensus& earlier) {
  for (const auto& [kind, count] : earlier.counts) later.counts[kind] -= count;
  return later;
}

// Where blocks were allocated, as a person looks it up.
struct SitePlace {
  std::string function, file, object;
  std::uint32_t line = 0;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 means the 0 in what the compiler makes of it.
  auto operator<=>(const SitePlace&) const = default;
};

template <query::Process P>
SitePlace place_of_site(const P& process, std::uint32_t id) {
  SitePlace place;
  const auto where = index::site_record_of(process.tables(), *process.root(), id);
  if (!where) return place;
  const query::Object* object =
      where->instance == 0 ? nullptr : process.find_instance(where->instance);
  if (object == nullptr) return place;
  place.object = object->path;
  if (object->image) {
    if (const types::SiteRecord* site = object->image->find_site(where->offset)) {
      place.function = object->image->text(site->function);
      place.file = object->image->text(site->file);
      place.line = site->line;
    }
  }
  if (place.function.empty() && object->range.contains(where->return_address)) {
    const query::Answer code =
        query::query_static(process.types(), *object, where->return_address - 1);
    if (code.is_function && code.name != nullptr) place.function = code.name;
  }
  return place;
}

// A line of the table: what blocks are alike in all that is said here.
struct HeapRow {
  std::string type;        // canonical; empty if it is not known ...
  std::string human_type;  // ... as the source writes it
  std::string problem;     // ... and why
  std::string grade;
  SitePlace place;  // empty where rows are by type
  std::int64_t blocks = 0;
  std::int64_t bytes = 0;
};

enum class HeapOrder : std::uint8_t { by_site, by_type };

// Arrays are left out: their elements were not counted.
template <query::Process P>
void set_class_of_one(const P& process, const HeapCensus::Kind& kind, query::Answer& answer) {
  const auto found = query::class_by_first_word(process, kind.first_word, kind.size);
  if (found && found->count == 1)
    query::set_class(process.types().type(*found->file, found->index), found->count, answer);
}

// The rows with the most bytes first.
template <query::Process P>
std::vector<HeapRow> rows_of(const P& process, const HeapCensus& census, HeapOrder order) {
  struct SiteView {
    query::SiteFacts facts;
    SitePlace place;
  };
  std::unordered_map<std::uint32_t, SiteView> sites;
  std::map<std::tuple<std::string, std::string, SitePlace>, HeapRow> rows;
  for (const auto& [kind, count] : census.counts) {
    if (count == 0) continue;
    const auto [at, is_new] = sites.try_emplace(kind.site);
    SiteView& site = at->second;
    if (is_new) {
      site.facts = process.site_facts(kind.site);
      if (order == HeapOrder::by_site) site.place = place_of_site(process, kind.site);
    }
    query::Answer answer;
    query::set_type_from_site(site.facts, kind.size, answer);
    if (answer.type == nullptr) set_class_of_one(process, kind, answer);
    const bool has_type = answer.type != nullptr;
    const std::string type = has_type ? types::name_of(answer.type) : "";
    const std::string problem = has_type ? "" : query::error_message(answer.type_error);
    HeapRow& row = rows[{type, problem, site.place}];
    if (row.blocks == 0 && row.bytes == 0 && row.type.empty()) {
      row.type = type;
      row.problem = problem;
      row.place = site.place;
      if (has_type) {
        row.human_type = text_of([&](TextWriter& out) { types::put_human_name(out, answer.type); });
        row.grade = query::grade_word(answer.type_grade);
      }
    }
    row.blocks += count;
    row.bytes += count * static_cast<std::int64_t>(kind.size);
  }
  std::vector<HeapRow> sorted;
  for (auto& [key, row] : rows) {
    if (row.blocks != 0 || row.bytes != 0) sorted.push_back(std::move(row));
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const HeapRow& a, const HeapRow& b) {
    return std::tuple{-a.bytes, -a.blocks} < std::tuple{-b.bytes, -b.blocks};
  });
  return sorted;
}

}  // namespace allocs::tool
