// SPDX-License-Identifier: Apache-2.0
#include "meta/compiler_sites.h"

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

}  // namespace

void apply_compiler_sites(const ObjectFiles& files, const Linkage& linkage, const CodeScan& scan,
                          const DwarfFacts& facts, std::span<const types::TypeIndex> index_of,
                          types::ObjectModel& model, Diagnostics& diag) {
  const std::vector<SiteList> lists = lists_in(files, diag);
  if (lists.empty() && facts.site_marks.empty()) return;
  const std::vector<CallInstruction> calls = all_calls(linkage, scan, model);
  std::vector<std::uint64_t> places;
  for (const CallInstruction& call : calls) places.push_back(call.at);
  const std::vector<SourceLine> lines = lines_of(files, places, model.strings, diag);
  overrule_sites(calls, read_marked_sites(facts, index_of, calls, lines, model), model);
  if (!lists.empty())
    overrule_sites(calls, join_site_lists(lists, calls, lines, facts, model), model);
}

}  // namespace allocs::meta
