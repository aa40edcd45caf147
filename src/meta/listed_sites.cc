// SPDX-License-Identifier: Apache-2.0
#include "meta/listed_sites.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "meta/listed_functions.h"
#include "meta/type_spelling.h"

// From call instructions to lines of site lists.
//
// clang looked at the source, gcc made the code, and what both have is places: a call instruction has a row in gcc's line table, and
// each allocating call in the source has a line in the list with the place that gcc gives it. A place alone is not enough, because a
// function template has one for all of its instances, and a macro one for all of its calls. So these must agree:
//
//     the unit          whose list it is
//     the function      the innermost one at the instruction, inlined or not, by its linkage name
//     file, line, column
//     the callee        unless one of the two goes through a pointer
//     the size          if the code asks for a constant
//
// Of the lines that are left, all must say the same, or there is no answer. If no column agrees, the other things must agree the more.
//
// When the innermost function is a wrapper that was inlined, its line says that the type is the caller's business. Then the search
// goes on at the place of the inlined call, in the function around it:
//
//     void f(void) { struct s *p = xmalloc(sizeof *p); }       call malloc     xmalloc, inlined in f
//
// One call instruction may stand for two calls in the source: gcc merges equal ends of branches (-fcrossjumping) and equal functions
// (-fipa-icf), and keeps the places of one. The list shows it: it has a line, of the same function or of one that looks the same, for
// which there is no instruction. Such a line of another type leaves the type open.
namespace allocs::meta {

using types::kNoRecord;
using types::kNoType;
using types::StringRef;

namespace {

constexpr int kMostInlined = 64;

struct Place {
  std::string_view file;  // without directories: they are spelt in many ways
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

// A line of a list, by the numbers of both.
struct LineRef {
  std::uint32_t list = 0;
  std::uint32_t site = 0;
  std::uint64_t number() const { return std::uint64_t{list} << 32 | site; }
};

// What one search found: a line, and the scope in which its call is.
struct Found {
  const ListedSite* site = nullptr;
  std::uint32_t list = 0;
  std::uint32_t scope = kNoRecord;
  std::uint32_t innermost = kNoRecord;  // where the instruction is
  bool is_wrapper = false;
};

// Names of one function that stand for each other: gcc makes calloc of malloc and memset, and malloc of realloc(NULL, n).
std::string_view canonical_callee(std::string_view name) {
  constexpr std::string_view kBuiltin = "__builtin_";
  if (name.starts_with(kBuiltin)) name.remove_prefix(kBuiltin.size());
  if (name == "calloc" || name == "realloc" || name == "malloc") return "malloc";
  if (name == "operator_new") return "_Znwm";
  return name;
}

class SiteJoin {
 public:
  SiteJoin(std::span<const SiteList> lists, const DwarfFacts& facts, types::ObjectModel& model)
      : lists_(lists), facts_(facts), model_(model), scopes_(facts), types_(model) {
    for (std::uint32_t list = 0; list < lists.size(); ++list) {
      for (std::uint32_t site = 0; site < lists[list].sites.size(); ++site) {
        const ListedSite& one = lists[list].sites[site];
        by_line_[line_key(file_name(one.file), one.line)].push_back({list, site});
        by_function_[function_in_list(list, one.function)].push_back({list, site});
        by_key_[function_in_list(list, function_key(one.function))].push_back({list, site});
      }
    }
    for (std::uint32_t scope = 0; scope < facts.scopes.size(); ++scope) note_scope(scope);
  }

  std::vector<ToldSite> join(std::span<const CallInstruction> calls,
                             std::span<const SourceLine> lines) {
    note_inlined_calls();
    std::vector<Found> found(calls.size());
    for (std::size_t i = 0; i < calls.size() && i < lines.size(); ++i)
      found[i] = search(calls[i], lines[i]);
    // Which lines have an instruction is known from here on.
    find_vanished_functions();
    std::vector<ToldSite> answers(calls.size());
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (found[i].site != nullptr) answers[i] = answer(found[i], calls[i]);
    }
    return answers;
  }

 private:
  // --- the lists, by place and by function

  static std::string line_key(std::string_view file, std::uint32_t line) {
    return std::string{file}.append(":").append(std::to_string(line));
  }
  static std::string function_in_list(std::uint32_t list, std::string_view function) {
    return std::to_string(list).append(" ").append(function);
  }
  const ListedSite& site(LineRef line) const { return lists_[line.list].sites[line.site]; }

  // The lists of a unit: of those with its name the ones from its directory, if there are any. Names of files may have been mapped
  // (-ffile-prefix-map), so failing all else the last component of the name decides. What the link-time optimiser made
  // comes from any unit.
  const std::vector<std::uint32_t>& lists_of(StringRef unit, StringRef directory) {
    const auto [entry, is_new] = lists_of_unit_.try_emplace(std::uint64_t{unit} << 32 | directory);
    std::vector<std::uint32_t>& found = entry->second;
    if (!is_new) return found;
    const std::string_view name = model_.strings[unit];
    const auto collect = [&](auto&& fits) {
      for (std::uint32_t list = 0; list < lists_.size(); ++list) {
        if (fits(lists_[list])) found.push_back(list);
      }
    };
    collect([&](const SiteList& list) {
      return list.unit == name && list.directory == model_.strings[directory];
    });
    if (found.empty()) collect([&](const SiteList& list) { return list.unit == name; });
    if (found.empty())
      collect([&](const SiteList& list) { return file_name(list.unit) == file_name(name); });
    if (found.empty() && name == "<artificial>") collect([](const SiteList&) { return true; });
    return found;
  }

  // --- the functions of the debug information

  DebugFunction function_of(const CodeScope& scope) const {
    const Entity& entity = facts_.entities[scope.function];
    return source_function({model_.strings[entity.name], model_.strings[entity.linkage_name]});
  }

  // The scope to which the calls of `index` belong in the source. gcc makes a function of its own of a parallel region.
  std::uint32_t scope_in_source(std::uint32_t index) {
    const CodeScope& scope = facts_.scopes[index];
    if (scope.parent != kNoRecord) return index;
    const DebugFunction function = function_of(scope);
    const std::string_view name =
        function.linkage_name.empty() ? function.name : function.linkage_name;
    std::string key = std::to_string(std::uint64_t{scope.unit} << 32 | scope.directory);
    key.append(" ").append(name);
    const auto [known, is_new] = root_of_function_.try_emplace(std::move(key), index);
    const bool is_region = function.name != model_.strings[facts_.entities[scope.function].name];
    return is_region && !is_new ? known->second : index;
  }

  void note_scope(std::uint32_t index) {
    const CodeScope& scope = facts_.scopes[index];
    in_source_.push_back(scope_in_source(index));
    root_of_.push_back(scope.parent == kNoRecord ? in_source_.back() : root_of_[scope.parent]);
    scopes_in_[root_of_.back()].push_back(index);
    const DebugFunction function = function_of(scope);
    if (!function.linkage_name.empty()) {
      functions_with_code_.insert(function_key(function.linkage_name));
    } else {
      functions_with_code_.insert(std::string{function.name});
      functions_with_code_.insert(comparable_spelling(function.name));
    }
  }

  bool has_code(const std::string& listed) const {
    return listed.empty() || functions_with_code_.contains(function_key(listed)) ||
           functions_with_code_.contains(qualified_name_of(listed));
  }

  // --- one place

  bool is_callee(const ListedSite& site, std::span<const std::string_view> callees) const {
    // A call through a pointer may be to anything, and one that the source makes so may have become a direct one.
    if (callees.empty() || site.callee.empty()) return true;
    const std::string listed = function_key(site.callee);
    return std::any_of(callees.begin(), callees.end(), [&](std::string_view name) {
      return canonical_callee(function_key(name)) == canonical_callee(listed);
    });
  }

  // The lines that may be meant by a call at `place` in the function of `scope`.
  std::vector<LineRef> lines_at(const Place& place, const CodeScope& scope,
                                std::span<const std::string_view> callees) {
    const auto entry = by_line_.find(line_key(place.file, place.line));
    if (entry == by_line_.end()) return {};
    const std::vector<std::uint32_t>& of_unit = lists_of(scope.unit, scope.directory);
    const DebugFunction function = function_of(scope);
    std::vector<LineRef> exact, likely, on_line;
    for (const LineRef line : entry->second) {
      const ListedSite& one = site(line);
      if (!std::binary_search(of_unit.begin(), of_unit.end(), line.list)) continue;
      if (!is_callee(one, callees)) continue;
      const FunctionFit fit = compare_functions(one.function, function);
      if (fit == FunctionFit::different) continue;
      const bool is_direct = !callees.empty() && !one.callee.empty();
      if (one.column == place.column) {
        (fit == FunctionFit::same ? exact : likely).push_back(line);
      } else if (fit == FunctionFit::same && is_direct) {
        on_line.push_back(line);
      }
    }
    return !exact.empty() ? exact : !likely.empty() ? likely : on_line;
  }

  // The size that the code asks for rules the line out.
  static bool is_contradicted(const ListedSite& site, std::uint64_t size) {
    if (size == 0) return false;
    if (site.bytes && *site.bytes != size) return true;
    if (!site.kind || site.type.size == 0) return false;
    switch (site.kind->origin) {
      case types::SiteOrigin::new_expression:
      case types::SiteOrigin::size:
        break;
      case types::SiteOrigin::target:
      case types::SiteOrigin::wrapper:
        return false;
    }
    switch (site.kind->shape) {
      case types::SiteShape::one:
        return size != site.type.size;
      case types::SiteShape::array:
        return size < site.type.size && size != 0;
      case types::SiteShape::flexible:
      case types::SiteShape::at_least:
        return false;
      case types::SiteShape::one_of:
        return size < site.type.size &&
               std::all_of(site.others.begin(), site.others.end(),
                           [&](const ListedType& one) { return size < one.size; });
    }
    return false;
  }

  // The one thing that all of `lines` say; nullptr if they disagree.
  const ListedSite* agreement(std::vector<LineRef>& lines, std::uint64_t size) const {
    std::erase_if(lines, [&](LineRef line) { return is_contradicted(site(line), size); });
    if (lines.empty()) return nullptr;
    const ListedSite& first = site(lines.front());
    const bool agree = std::all_of(lines.begin(), lines.end(),
                                   [&](LineRef line) { return site(line).says_the_same(first); });
    return agree ? &first : nullptr;
  }

  // --- one call, from the innermost function outwards

  Found search(const CallInstruction& call, const SourceLine& line) {
    Place place{file_name(model_.strings[line.file]), line.line, line.column};
    std::vector<std::string_view> callees = call.callees;
    std::uint64_t size = call.constant_size;
    const std::uint32_t innermost = scopes_.innermost_at(call.at);
    std::uint32_t at = innermost;
    Found wrapper;  // the last one that was met
    for (int hop = 0; hop < kMostInlined && at != kNoRecord && place.line != 0; ++hop) {
      const CodeScope& scope = facts_.scopes[at];
      const DebugFunction function = function_of(scope);
      if (!is_rest_of(function, callees)) {
        std::vector<LineRef> lines = lines_at(place, scope, callees);
        for (const LineRef one : lines) note_seen(at, one);
        const bool is_split =
            lines.empty() && wrapper.site != nullptr && is_named(function, callees);
        const ListedSite* meant = is_split ? wrapper.site : agreement(lines, size);
        if (meant == nullptr || !meant->kind) return {};
        const std::uint32_t list = is_split ? wrapper.list : lines.front().list;
        if (!meant->is_wrapper()) return {meant, list, at, innermost, false};
        wrapper = {meant, list, at, innermost, true};
        if (scope.parent == kNoRecord) return wrapper;
      }
      // The wrapper may add to the size.
      size = 0;
      place = {file_name(model_.strings[scope.call_file]), scope.call_line, scope.call_column};
      callees = {function.linkage_name.empty() ? function.name : function.linkage_name};
      at = scope.parent;
    }
    return {};
  }

  // gcc splits a function and inlines the rest in what is left of it: a function in itself, at a call that is in no source.
  static bool is_named(const DebugFunction& function, std::span<const std::string_view> names) {
    const std::string_view own =
        function.linkage_name.empty() ? function.name : function.linkage_name;
    return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
      return function_key(name) == function_key(own);
    });
  }

  // gcc inlines the first part of a function, and the call of the rest that it then has is in no source.
  static bool is_rest_of(const DebugFunction& function, std::span<const std::string_view> callees) {
    const std::string_view own =
        function.linkage_name.empty() ? function.name : function.linkage_name;
    return std::any_of(callees.begin(), callees.end(), [&](std::string_view callee) {
      const std::size_t dot = callee.find('.');
      return dot != callee.npos && callee.substr(dot).starts_with(".part") &&
             function_key(callee) == function_key(own);
    });
  }

  // --- calls in the source for which there is no instruction

  void note_seen(std::uint32_t scope, LineRef line) {
    seen_[in_source_[scope]].insert(line.number());
    seen_in_root_[root_of_[scope]].insert(line.number());
  }

  void note_inlined_calls() {
    for (const CodeScope& scope : facts_.scopes) {
      if (scope.parent == kNoRecord) continue;
      const DebugFunction function = function_of(scope);
      const std::string_view callee =
          function.linkage_name.empty() ? function.name : function.linkage_name;
      const Place place{file_name(model_.strings[scope.call_file]), scope.call_line,
                        scope.call_column};
      for (const LineRef line : lines_at(place, facts_.scopes[scope.parent], {&callee, 1}))
        note_seen(scope.parent, line);
    }
  }

  // Whether another call of the function may have ended up in the same instruction; or one of those that are inlined around it.
  bool is_merged_with_another(const Found& found, const CallInstruction& call) {
    const auto same_function =
        by_function_.find(function_in_list(found.list, found.site->function));
    const std::string_view callee = found.site->callee;
    if (same_function != by_function_.end() &&
        has_lost(found, same_function->second, seen_[in_source_[found.scope]], {&callee, 1},
                 call.constant_size))
      return true;
    const auto around = scopes_in_.find(root_of_[found.innermost]);
    return std::any_of(around->second.begin(), around->second.end(), [&](std::uint32_t scope) {
      if (scope == found.scope || scope == found.innermost) return false;
      const CodeScope& other = facts_.scopes[scope];
      const DebugFunction function = function_of(other);
      const std::string key =
          function_key(function.linkage_name.empty() ? function.name : function.linkage_name);
      for (const std::uint32_t list : lists_of(other.unit, other.directory)) {
        const auto lines = by_key_.find(function_in_list(list, key));
        if (lines == by_key_.end()) continue;
        const auto& seen = seen_in_root_[root_of_[scope]];
        // Calls in branches that are never taken have no instruction either; then others of the function have.
        const bool has_any =
            std::any_of(lines->second.begin(), lines->second.end(),
                        [&](LineRef line) { return seen.contains(line.number()); });
        if (!has_any && has_lost(found, lines->second, seen, call.callees, call.constant_size))
          return true;
      }
      return false;
    });
  }

  // Whether one of `lines` is not among those that were `seen` to have an instruction, and says something else than what was found.
  bool has_lost(const Found& found, std::span<const LineRef> lines,
                const std::unordered_set<std::uint64_t>& seen,
                std::span<const std::string_view> callees, std::uint64_t size) const {
    return std::any_of(lines.begin(), lines.end(), [&](LineRef line) {
      const ListedSite& other = site(line);
      const bool is_seen = seen.contains(line.number());
      if (callees.empty() && !other.callee.empty()) return false;
      return !is_seen && !other.says_the_same(*found.site) && !other.is_wrapper() &&
             !is_contradicted(other, size) && is_callee(other, callees);
    });
  }

  // How the calls of a function look to somebody who does not care for types.
  std::string outline(const std::vector<LineRef>& lines) const {
    std::vector<LineRef> ordered = lines;
    std::sort(ordered.begin(), ordered.end(), [&](LineRef a, LineRef b) {
      return std::pair{site(a).line, site(a).column} < std::pair{site(b).line, site(b).column};
    });
    std::string text = std::to_string(lines.front().list);
    for (const LineRef line : ordered) {
      const ListedSite& one = site(line);
      text.append(" ").append(one.callee).append(" ");
      if (one.kind) text += static_cast<char>(one.kind->shape);
      text.append(std::to_string(one.type.size)).append(" ");
      text.append(std::to_string(one.bytes.value_or(0)));
    }
    return text;
  }

  void find_vanished_functions() {
    for (const auto& [name, lines] : by_function_) {
      if (!has_code(site(lines.front()).function)) vanished_[outline(lines)].push_back(&lines);
    }
  }

  // Whether the whole function may also stand for another one, with other types.
  bool is_merged_with_another_function(const Found& found) const {
    const auto own = by_function_.find(function_in_list(found.list, found.site->function));
    if (own == by_function_.end()) return false;
    const auto alike = vanished_.find(outline(own->second));
    if (alike == vanished_.end()) return false;
    return std::any_of(alike->second.begin(), alike->second.end(), [&](const auto* lines) {
      return std::any_of(lines->begin(), lines->end(),
                         [&](LineRef line) { return !site(line).says_the_same(*found.site); });
    });
  }

  // --- what is said

  ToldSite answer(const Found& found, const CallInstruction& call) {
    ToldSite answer;
    if (found.is_wrapper) {
      answer.what = Told::wrapper;
      return answer;
    }
    if (is_merged_with_another(found, call) || is_merged_with_another_function(found)) {
      answer.what = Told::several;
      return answer;
    }
    const ListedSite& site = *found.site;
    const bool has_tail = site.kind->shape == types::SiteShape::flexible && !site.tail.name.empty();
    types::SiteKind kind = *site.kind;
    if (is_one_node(kind, site.type.size, call)) kind.shape = types::SiteShape::one;
    if (!site.others.empty()) {
      std::vector<ListedType> all{site.type};
      all.insert(all.end(), site.others.begin(), site.others.end());
      const std::vector<types::TypeIndex> known = types_.find_all(all);
      return known.empty()
                 ? answer
                 : told_site(kind, known[0], kNoType, model_.types, std::span{known}.subspan(1));
    }
    return told_site(kind, types_.find(site.type), has_tail ? types_.find(site.tail) : kNoType,
                     model_.types);
  }

  std::span<const SiteList> lists_;
  const DwarfFacts& facts_;
  types::ObjectModel& model_;
  CodeScopes scopes_;
  ListedTypes types_;
  std::unordered_map<std::string, std::vector<LineRef>> by_line_;
  std::unordered_map<std::string, std::vector<LineRef>> by_function_;  // by its name in the list
  std::unordered_map<std::string, std::vector<LineRef>> by_key_;       // by function_key()
  std::unordered_map<std::string, std::uint32_t> root_of_function_;
  std::vector<std::uint32_t> in_source_;  // of each scope the one that has its code in the source
  std::vector<std::uint32_t> root_of_;    // of each scope the one that is not inlined
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> scopes_in_;  // by root
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> lists_of_unit_;
  std::unordered_set<std::string> functions_with_code_;
  std::unordered_map<std::uint32_t, std::unordered_set<std::uint64_t>> seen_;  // of each scope
  // An inlined function may be described in several parts, of which one has the call.
  std::unordered_map<std::uint32_t, std::unordered_set<std::uint64_t>> seen_in_root_;
  std::unordered_map<std::string, std::vector<const std::vector<LineRef>*>> vanished_;
};

}  // namespace

std::vector<ToldSite> join_site_lists(std::span<const SiteList> lists,
                                      std::span<const CallInstruction> calls,
                                      std::span<const SourceLine> lines, const DwarfFacts& facts,
                                      types::ObjectModel& model) {
  return SiteJoin{lists, facts, model}.join(calls, lines);
}

}  // namespace allocs::meta
