// SPDX-License-Identifier: Apache-2.0
#include "meta/apply_site_lists.h"

#include <algorithm>

#include "meta/line_table.h"
#include "meta/listed_sites.h"

namespace allocs::meta {

using types::ObjectModel;
using types::SiteRecord;

namespace {

struct Call {
  CallInstruction instruction;
  std::uint64_t return_address = 0;  // 0: a jump
};

SiteRecord* site_at(ObjectModel& model, std::uint64_t return_address) {
  const auto found = std::lower_bound(
      model.sites.begin(), model.sites.end(), return_address,
      [](const SiteRecord& site, std::uint64_t at) { return site.return_address < at; });
  return found != model.sites.end() && found->return_address == return_address ? &*found : nullptr;
}

std::vector<Call> calls_of(const Linkage& linkage, const CodeScan& scan, ObjectModel& model) {
  std::vector<Call> calls;
  const auto add = [&](std::uint64_t at, std::uint64_t return_address, const Callee& callee) {
    Call call{{at, {}, 0}, return_address};
    if (callee.address != 0) call.instruction.callees = linkage.names_at(callee.address);
    if (!callee.name.empty()) call.instruction.callees.push_back(callee.name);
    if (call.instruction.callees.empty() && callee.address != 0) {
      if (const types::FunctionRecord* f = types::function_at(model, callee.address))
        call.instruction.callees.push_back(model.strings[f->name]);
    }
    if (const SiteRecord* site = site_at(model, return_address)) {
      call.instruction.constant_size = site->constant_size;
      if (call.instruction.callees.empty() && site->callee != 0)
        call.instruction.callees.push_back(model.strings[site->callee]);
    }
    calls.push_back(std::move(call));
  };
  for (const CodeCall& call : scan.calls)
    add(call.at, call.return_address, linkage.callee_at(call.target));
  for (const SlotUse& use : scan.slot_uses) {
    if (use.return_address != 0) add(use.at, use.return_address, linkage.callee_in_slot(use.slot));
  }
  for (const IndirectCall& call : scan.indirect_calls) add(call.at, call.return_address, {});
  std::sort(calls.begin(), calls.end(),
            [](const Call& a, const Call& b) { return a.instruction.at < b.instruction.at; });
  return calls;
}

// The list was made from the source; inference looked at the code. They may differ where the list only knows the pointer that receives
// the block, and the size that the code asks for speaks for another type: then nobody can tell.
bool is_refuted(const SiteRecord& inferred, const ListedAnswer& listed) {
  const bool is_sure =
      (inferred.evidence & (types::kSiteConstantSizeFits | types::kSiteStrideFits)) != 0;
  return listed.provenance == types::Provenance::target && inferred.type != types::kNoType &&
         inferred.type != listed.type && is_sure;
}

// The pointer that a wrapper keeps the block in says nothing of what its callers want it for.
bool is_outweighed(const SiteRecord& inferred, const ListedAnswer& listed) {
  return listed.says == ListSays::a_type && listed.provenance == types::Provenance::target &&
         (inferred.flags & types::kSiteWrapper) != 0;
}

void apply(const ListedAnswer& listed, SiteRecord& site) {
  if (is_outweighed(site, listed)) return;
  const bool is_open = listed.says == ListSays::several || is_refuted(site, listed);
  site.flags &= static_cast<std::uint8_t>(~(types::kSiteWrapper | types::kSiteConflict));
  site.type = types::kNoType;
  site.shape = types::Shape::unknown;
  site.provenance = types::Provenance::none;
  site.evidence = 0;
  if (is_open) {
    site.flags |= types::kSiteConflict;
  } else if (listed.says == ListSays::wrapper) {
    site.flags |= types::kSiteWrapper;
  } else {
    site.type = listed.type;
    site.shape = listed.shape;
    site.provenance = listed.provenance;
    site.evidence = listed.evidence;
  }
}

SiteRecord new_site(const Call& call, ObjectModel& model) {
  SiteRecord site;
  site.return_address = call.return_address;
  if (!call.instruction.callees.empty())
    site.callee = model.strings.add(call.instruction.callees.front());
  if (const types::FunctionRecord* f = types::function_at(model, call.instruction.at))
    site.function = f->name;
  return site;
}

}  // namespace

void apply_site_lists(const ObjectFiles& files, const Linkage& linkage, const CodeScan& scan,
                      const DwarfFacts& facts, ObjectModel& model, Diagnostics& diag) {
  const Section* section = site_list_section(files);
  if (section == nullptr) return;
  const std::string_view text{reinterpret_cast<const char*>(section->bytes.data()),
                              section->bytes.size()};
  const std::vector<SiteList> lists = read_site_lists(text, files.object->path(), diag);
  if (lists.empty()) return;

  const std::vector<Call> calls = calls_of(linkage, scan, model);
  std::vector<CallInstruction> instructions;
  std::vector<std::uint64_t> places;
  for (const Call& call : calls) {
    instructions.push_back(call.instruction);
    places.push_back(call.instruction.at);
  }
  const std::vector<SourceLine> lines = lines_of(files, places, model.strings, diag);
  const std::vector<ListedAnswer> answers =
      join_site_lists(lists, instructions, lines, facts, model);

  std::vector<SiteRecord> added;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (answers[i].says == ListSays::nothing || calls[i].return_address == 0) continue;
    SiteRecord* site = site_at(model, calls[i].return_address);
    if (site == nullptr) site = &added.emplace_back(new_site(calls[i], model));
    apply(answers[i], *site);
  }
  model.sites.insert(model.sites.end(), added.begin(), added.end());
  std::sort(model.sites.begin(), model.sites.end(), [](const SiteRecord& a, const SiteRecord& b) {
    return a.return_address < b.return_address;
  });
}

}  // namespace allocs::meta
