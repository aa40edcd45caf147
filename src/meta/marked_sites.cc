// SPDX-License-Identifier: Apache-2.0
//
// A call's row in the line table has a discriminator, and if that is a site id, a marker of the same unit says what the call
// allocates.
//
//     g: call malloc    row: xmalloc.h:7, discriminator 0x8aba28     __allocs_site$8aba28$wuo: a wrapper, so ask its caller
//                       xmalloc is inlined in g there,
//                       by a call with discriminator 0xba6641        __allocs_site$ba6641$sao: one struct node
//
// Other compilers have discriminators of their own, if not such large ones: an id counts only where a marker stands for it. With
// link-time optimisation a function of one unit is inlined in one of another, whose line table then has the id; and tools that
// compress debug information move what several units have into one of its own. So failing the own unit all are asked; they must
// agree.
#include "meta/marked_sites.h"

#include <algorithm>
#include <unordered_map>

#include "meta/code_scopes.h"

namespace allocs::meta {

using types::kNoRecord;
using types::kNoType;
using types::SiteOrigin;

namespace {

constexpr int kMostInlined = 64;

struct Meaning {
  types::SiteKind kind;
  types::TypeIndex type = kNoType;
  types::TypeIndex tail = kNoType;
  std::vector<types::TypeIndex> others = {};
  bool is_ambiguous = false;

  bool says_the_same(const Meaning& other) const {
    return kind == other.kind && type == other.type && tail == other.tail && others == other.others;
  }
};

class MarkReader {
 public:
  MarkReader(const DwarfFacts& facts, std::span<const types::TypeIndex> index_of,
             types::ObjectModel& model)
      : facts_(facts), model_(model), scopes_(facts) {
    const auto moved = [&](types::TypeIndex node) {
      return node < index_of.size() ? index_of[node] : kNoType;
    };
    for (const SiteMark& mark : facts.site_marks) {
      Meaning meaning{mark.marker.kind, moved(mark.type), moved(mark.tail)};
      for (const types::TypeIndex node : mark.others) meaning.others.push_back(moved(node));
      note(of_unit_[unit_key(mark.line_table, mark.marker.id)], meaning);
      note(of_all_[mark.marker.id], meaning);
    }
  }

  ToldSite read(const CallInstruction& call, const SourceLine& line) {
    const Meaning* meaning = meaning_of(line.discriminator, line.table);
    std::uint32_t scope = kNoRecord;
    for (int hop = 0; hop < kMostInlined && meaning != nullptr; ++hop) {
      if (meaning->kind.origin != SiteOrigin::wrapper) return told(*meaning, call);
      scope = hop == 0 ? scopes_.innermost_at(call.at) : facts_.scopes[scope].parent;
      if (scope == kNoRecord || facts_.scopes[scope].parent == kNoRecord)
        return told(*meaning, call);
      // The wrapper was inlined: its caller's call has an id, or nothing is known.
      meaning = meaning_of(facts_.scopes[scope].call_discriminator, line.table);
    }
    return {};
  }

 private:
  static std::uint64_t unit_key(std::uint64_t line_table, std::uint32_t id) {
    return line_table << 24 | id;  // an id has 24 bits
  }

  static void note(std::optional<Meaning>& known, const Meaning& meaning) {
    if (!known) {
      known = meaning;
    } else if (!known->says_the_same(meaning)) {
      known->is_ambiguous = true;
    }
  }

  const Meaning* meaning_of(std::uint64_t discriminator, std::uint64_t line_table) const {
    if (!types::is_site_id(discriminator)) return nullptr;
    const auto id = static_cast<std::uint32_t>(discriminator);
    if (const auto own = of_unit_.find(unit_key(line_table, id)); own != of_unit_.end())
      return own->second->is_ambiguous ? nullptr : &*own->second;
    const auto any = of_all_.find(id);
    return any == of_all_.end() || any->second->is_ambiguous ? nullptr : &*any->second;
  }

  ToldSite told(const Meaning& meaning, const CallInstruction& call) {
    const types::TypeIndex tail = tail_of(meaning.tail, model_.types);
    types::SiteKind kind = meaning.kind;
    if (meaning.type != kNoType && is_one_node(kind, model_.types[meaning.type].size, call))
      kind.shape = types::SiteShape::one;
    return told_site(kind, meaning.type, tail, model_.types, meaning.others);
  }

  const DwarfFacts& facts_;
  types::ObjectModel& model_;
  CodeScopes scopes_;
  std::unordered_map<std::uint64_t, std::optional<Meaning>> of_unit_;
  std::unordered_map<std::uint32_t, std::optional<Meaning>> of_all_;
};

}  // namespace

std::vector<ToldSite> read_marked_sites(const DwarfFacts& facts,
                                        std::span<const types::TypeIndex> index_of,
                                        std::span<const CallInstruction> calls,
                                        std::span<const SourceLine> lines,
                                        types::ObjectModel& model) {
  std::vector<ToldSite> told(calls.size());
  if (facts.site_marks.empty()) return told;
  MarkReader reader{facts, index_of, model};
  for (std::size_t i = 0; i < calls.size() && i < lines.size(); ++i)
    told[i] = reader.read(calls[i], lines[i]);
  return told;
}

}  // namespace allocs::meta
