// SPDX-License-Identifier: Apache-2.0
//
// A unit's list of macros follows the preprocessor: files begin and end, names are defined and undefined. gcc keeps the macros of each header in a
// list of its own, which the linker keeps once and many units import. So lists are decoded once and walked for each unit: what is in
// which file depends on who imports it, and so may an end by #undef.
//
// What is found in several units is told once. Lists refer to each other by offset, so a damaged file could have one import itself, or two
// that import the next pair many times over: a list that is being walked is not entered again, and steps are counted.
#include "meta/macros.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "meta/line_header.h"
#include "meta/macro_stream.h"

namespace allocs::meta {

using types::StringRef;

namespace {

constexpr std::uint64_t kMostSteps = 500'000'000;
constexpr std::string_view kUnknownFile = "?";

struct Place {
  StringRef file = 0;
  std::uint64_t line = 0;
  friend bool operator==(const Place&, const Place&) = default;
};

struct Definition {
  StringRef name = 0;
  StringRef parameters = 0;
  StringRef value = 0;
  Place defined;
  std::optional<Place> ended;
  friend bool operator==(const Definition&, const Definition&) = default;
};
struct HashDefinition {
  std::size_t operator()(const Definition& d) const {
    Hasher hasher;
    hasher.add(std::uint64_t{d.name} << 32 | d.value);
    hasher.add(std::uint64_t{d.defined.file} << 32 | d.parameters);
    hasher.add(d.defined.line);
    hasher.add(d.ended ? std::uint64_t{d.ended->file} << 32 ^ d.ended->line : ~std::uint64_t{0});
    return hasher.finish().low;
  }
};

class MacroReader {
 public:
  MacroReader(std::string_view name, Diagnostics& diag) : name_(name), diag_(diag) {}

  // False if the unit tells nothing of its macros.
  bool read(Unit& unit) {
    const SignatureTable none;
    DieStream stream{unit, none};  // which reads what `unit` says about itself
    Die root;
    if (!stream.next(root)) return false;
    if (root.has(At::dwo_name)) ++split_units_;
    const bool is_old = !root.has(At::macros);
    if (is_old && !root.has(At::macro_info)) return false;
    unit_ = &unit;
    files_.clear();
    open_.clear();
    active_.clear();
    line_offset_.reset();
    const std::uint64_t offset = root[is_old ? At::macro_info : At::macros].number;
    is_whole_ = true;
    if (is_old) {
      walk(read_macinfo_list(unit, offset, name_), unit);
    } else {
      walk_list(unit, offset);
    }
    for (const auto& [name, definition] : open_) keep(definition);
    if (!is_whole_) {
      diag_.warning(unit.sections->file->path(),
                    "what a unit tells of its macros is damaged; some may be missing", unit.offset);
    }
    return true;
  }

  std::size_t split_units() const { return split_units_; }

  std::vector<MacroDefinition> definitions() const {
    std::vector<MacroDefinition> all;
    all.reserve(found_.size());
    const auto text = [&](StringRef ref) { return std::string{strings_[ref]}; };
    const auto place = [&](const Place& p) { return MacroPlace{text(p.file), p.line}; };
    for (const auto& [definition, units] : found_) {
      MacroDefinition one{.name = text(definition.name),
                          .parameters = text(definition.parameters),
                          .value = text(definition.value),
                          .defined = place(definition.defined),
                          .ended = {},
                          .units = {}};
      if (definition.ended) one.ended = place(*definition.ended);
      for (const StringRef unit : units) one.units.push_back(text(unit));
      std::sort(one.units.begin(), one.units.end());
      one.units.erase(std::unique(one.units.begin(), one.units.end()), one.units.end());
      all.push_back(std::move(one));
    }
    std::sort(all.begin(), all.end(), [](const MacroDefinition& a, const MacroDefinition& b) {
      return std::tie(a.name, a.defined, a.value, a.parameters, a.ended) <
             std::tie(b.name, b.defined, b.value, b.parameters, b.ended);
    });
    return all;
  }

 private:
  // `from`: whose sections the list is in, which may be those of the dwz alternate.
  void walk_list(const Unit& from, std::uint64_t offset) {
    const std::pair where{from.sections, offset};
    if (!active_.insert(where).second) return fail();
    auto known = lists_.find(where);
    if (known == lists_.end()) {
      MacroList list = read_macro_list(from, offset, name_);
      if (list.is_of_one_unit) {
        walk(list, from);
        active_.erase(where);
        return;
      }
      known = lists_.emplace(where, std::move(list)).first;
    }
    walk(known->second, from);
    active_.erase(where);
  }

  void walk(const MacroList& list, const Unit& from) {
    if (!list.is_whole) is_whole_ = false;
    if (list.line_offset) line_offset_ = list.line_offset;
    for (const MacroEntry& entry : list.entries) {
      if (++steps_ > kMostSteps) return fail();
      switch (entry.sort) {
        case MacroSort::define:
          define(entry);
          break;
        case MacroSort::undefine:
          end(strings_.add(split_macro_text(entry.text).name), place_of(entry));
          break;
        case MacroSort::start_file:
          files_.push_back(file(entry.number));
          break;
        case MacroSort::end_file:
          if (files_.empty()) return fail();
          files_.pop_back();
          break;
        case MacroSort::import:
          walk_list(from, entry.number);
          break;
        case MacroSort::import_alternate: {
          if (from.alternate == nullptr) {
            is_whole_ = false;
            break;
          }
          Unit alternate = from;
          alternate.sections = from.alternate;
          alternate.alternate = nullptr;
          walk_list(alternate, entry.number);
          break;
        }
      }
    }
  }

  void fail() { is_whole_ = false; }

  // Of what stands before all files there is no place.
  Place place_of(const MacroEntry& entry) const {
    return files_.empty() || entry.line == 0 ? Place{} : Place{files_.back(), entry.line};
  }

  void define(const MacroEntry& entry) {
    const MacroText text = split_macro_text(entry.text);
    const Definition definition{strings_.add(text.name),
                                strings_.add(text.parameters),
                                strings_.add(text.value),
                                place_of(entry),
                                {}};
    end(definition.name, definition.defined);
    open_.emplace(definition.name, definition);
  }

  void end(StringRef name, const Place& place) {
    const auto defined = open_.find(name);
    if (defined == open_.end()) return;
    defined->second.ended = place;
    keep(defined->second);
    open_.erase(defined);
  }

  void keep(const Definition& definition) {
    std::vector<StringRef>& units = found_[definition];
    const StringRef unit = strings_.add(unit_->name);
    if (units.empty() || units.back() != unit) units.push_back(unit);
  }

  StringRef file(std::uint64_t number) {
    if (!line_offset_) line_offset_ = unit_->line_offset;
    if (!line_offset_) return strings_.add(kUnknownFile);
    const std::tuple key{unit_->sections, *line_offset_, number};
    const auto [known, is_new] = names_.try_emplace(key, 0);
    if (!is_new) return known->second;
    auto [header, is_unread] = headers_.try_emplace({unit_->sections, *line_offset_});
    if (is_unread) header->second = read_line_header(*unit_->sections, *line_offset_);
    StringRef name = header->second ? header->second->file(number, strings_) : 0;
    if (name == 0) name = strings_.add(kUnknownFile);
    const std::string_view text = strings_[name];
    known->second = text == kUnknownFile || text.starts_with('/') || unit_->directory.empty()
                        ? name
                        : strings_.add(std::string{unit_->directory}.append("/").append(text));
    return known->second;
  }

  using ListKey = std::pair<const DebugSections*, std::uint64_t>;

  std::string_view name_;
  Diagnostics& diag_;
  types::StringPool strings_;
  std::map<ListKey, MacroList> lists_;
  std::map<ListKey, std::optional<LineHeader>> headers_;
  std::map<std::tuple<const DebugSections*, std::uint64_t, std::uint64_t>, StringRef> names_;
  std::unordered_map<Definition, std::vector<StringRef>, HashDefinition> found_;
  std::uint64_t steps_ = 0;
  std::size_t split_units_ = 0;
  // Of the unit that is being read:
  const Unit* unit_ = nullptr;
  std::optional<std::uint64_t> line_offset_;
  std::vector<StringRef> files_;  // that are open, the innermost last
  std::unordered_map<StringRef, Definition> open_;
  std::set<ListKey> active_;
  bool is_whole_ = true;
};

}  // namespace

Macros read_macros(const ObjectFiles& files, std::string_view name, Diagnostics& diag) {
  const DebugSections sections{files.with_debug_information()};
  std::optional<DebugSections> alternate;
  if (files.alternate) alternate.emplace(*files.alternate);
  std::vector<Unit> units = read_units(sections, alternate ? &*alternate : nullptr, diag);
  MacroReader reader{name, diag};
  Macros macros;
  for (Unit& unit : units) {
    if (reader.read(unit)) macros.is_told = true;
  }
  if (reader.split_units() != 0) {
    diag.warning(sections.file->path(),
                 fmt::format("the debug information of {} units was split off, and the macros with "
                             "it; they are not told",
                             reader.split_units()));
  }
  macros.definitions = reader.definitions();
  return macros;
}

}  // namespace allocs::meta
