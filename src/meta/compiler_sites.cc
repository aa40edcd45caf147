// SPDX-License-Identifier: Apache-2.0
#include "meta/compiler_sites.h"

#include <map>

#include "meta/call_types.h"
#include "meta/line_table.h"
#include "meta/listed_sites.h"
#include "meta/marked_sites.h"

namespace allocs::meta {

namespace {

std::vector<SiteList> lists_in(const ObjectFiles& files, Diagnostics& diag) {
  const Section* section = site_list_section(files);
  if (section == nullptr) return {};
  const std::string_view text{reinterpret_cast<const char*>(section->bytes.data()),
                              section->bytes.size()};
  return read_site_lists(text, files.object->path(), diag);
}

// A type of blocks of alloca is looked up by the address of its constant, as others are by return addresses.
void add_alloca_types(const ObjectFiles& files, const DwarfFacts& facts,
                      std::span<const types::TypeIndex> index_of, types::ObjectModel& model) {
  const auto moved = [&](types::TypeIndex node) {
    return node < index_of.size() ? index_of[node] : types::kNoType;
  };
  std::map<std::uint64_t, types::SiteRecord> found;
  for (const AllocaType& each : facts.alloca_types) {
    if (files.object->section_at(each.address) == nullptr) continue;  // the linker dropped it
    std::vector<types::TypeIndex> others;
    for (const types::TypeIndex node : each.others) others.push_back(moved(node));
    const types::TypeIndex tail = tail_of(moved(each.tail), model.types);
    const ToldSite told = told_site(each.kind, moved(each.type), tail, model.types, others);
    types::SiteRecord site;
    site.return_address = each.address;
    site.callee = model.strings.add("alloca");
    apply_told(told, site);
    const auto [known, is_new] = found.try_emplace(each.address, site);
    if (!is_new && known->second.type != site.type) known->second.type = types::kNoType;
  }
  for (const auto& [address, site] : found) {
    if (site.type != types::kNoType) model.sites.push_back(site);
  }
  sort_by_return_address(model.sites);
}

}  // namespace

void apply_compiler_sites(const ObjectFiles& files, const Linkage& linkage, const CodeScan& scan,
                          const DwarfFacts& facts, std::span<const types::TypeIndex> index_of,
                          types::ObjectModel& model, Diagnostics& diag) {
  const std::vector<SiteList> lists = lists_in(files, diag);
  if (!facts.alloca_types.empty()) add_alloca_types(files, facts, index_of, model);
  if (lists.empty() && facts.site_marks.empty() && facts.call_types.empty()) return;
  const std::vector<CallInstruction> calls = all_calls(linkage, scan, model);
  // What says less of a call comes first, and is overruled.
  overrule_sites(calls, read_call_types(facts, index_of, calls, model.types), model);
  if (lists.empty() && facts.site_marks.empty()) return;
  std::vector<std::uint64_t> places;
  for (const CallInstruction& call : calls) places.push_back(call.at);
  const std::vector<SourceLine> lines = lines_of(files, places, model.strings, diag);
  overrule_sites(calls, read_marked_sites(facts, index_of, calls, lines, model), model);
  if (!lists.empty())
    overrule_sites(calls, join_site_lists(lists, calls, lines, facts, model), model);
}

}  // namespace allocs::meta
