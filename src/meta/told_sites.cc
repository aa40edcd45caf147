// SPDX-License-Identifier: Apache-2.0
#include "meta/told_sites.h"

#include <algorithm>

namespace allocs::meta {

using types::ObjectModel;
using types::SiteRecord;

namespace {

SiteRecord* site_at(ObjectModel& model, std::uint64_t return_address) {
  const auto found = std::lower_bound(
      model.sites.begin(), model.sites.end(), return_address,
      [](const SiteRecord& site, std::uint64_t at) { return site.return_address < at; });
  return found != model.sites.end() && found->return_address == return_address ? &*found : nullptr;
}

// The compiler saw the source; inference looked at the code. They may differ where the compiler only knows the pointer that receives
// the block, and the size that the code asks for speaks for another type: then nobody can tell.
bool is_refuted(const SiteRecord& inferred, const ToldSite& told) {
  const bool is_sure =
      (inferred.evidence & (types::kSiteConstantSizeFits | types::kSiteStrideFits)) != 0;
  return told.provenance == types::Provenance::target && inferred.type != types::kNoType &&
         inferred.type != told.type && is_sure;
}

// The pointer is to the first of what inference takes for several.
bool is_of_several(const SiteRecord& inferred, const ToldSite& told,
                   const types::TypeGraph& types) {
  return told.shape == types::Shape::flexible && inferred.shape == types::Shape::array &&
         inferred.type != types::kNoType && types[inferred.type].kind == types::Kind::array &&
         types[inferred.type].target == told.type;
}

// The pointer that a wrapper keeps the block in says nothing of what its callers want it for.
bool is_outweighed(const SiteRecord& inferred, const ToldSite& told) {
  return told.what == Told::a_type && told.provenance == types::Provenance::target &&
         !told.is_used_as_told && (inferred.flags & types::kSiteWrapper) != 0;
}

void apply(const ToldSite& told, SiteRecord& site, const types::TypeGraph& types) {
  if (told.what == Told::refuted && site.type != told.type) return;
  if (is_outweighed(site, told)) return;
  const bool is_open = told.what == Told::several || told.what == Told::refuted ||
                       (is_refuted(site, told) && !is_of_several(site, told, types));
  apply_told(is_open ? ToldSite{} : told, site);
  if (is_open) {
    site.flags |= types::kSiteConflict;
  } else if (told.what == Told::wrapper) {
    site.flags |= types::kSiteWrapper;
  }
}

SiteRecord new_site(const CallInstruction& call, ObjectModel& model) {
  SiteRecord site;
  site.return_address = call.return_address;
  if (!call.callees.empty()) site.callee = model.strings.add(call.callees.front());
  if (const types::FunctionRecord* f = types::function_at(model, call.at)) site.function = f->name;
  return site;
}

}  // namespace

std::vector<CallInstruction> all_calls(const Linkage& linkage, const CodeScan& scan,
                                       ObjectModel& model) {
  std::vector<CallInstruction> calls;
  const auto add = [&](std::uint64_t at, std::uint64_t return_address, const Callee& callee) {
    CallInstruction call{at, {}, 0, return_address};
    if (callee.address != 0) call.callees = linkage.names_at(callee.address);
    if (!callee.name.empty()) call.callees.push_back(callee.name);
    if (call.callees.empty() && callee.address != 0) {
      if (const types::FunctionRecord* f = types::function_at(model, callee.address))
        call.callees.push_back(model.strings[f->name]);
    }
    if (const SiteRecord* site = site_at(model, return_address)) {
      call.constant_size = site->constant_size;
      if (call.callees.empty() && site->callee != 0)
        call.callees.push_back(model.strings[site->callee]);
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
            [](const CallInstruction& a, const CallInstruction& b) { return a.at < b.at; });
  return calls;
}

bool is_one_node(const types::SiteKind& kind, std::uint64_t element_size,
                 const CallInstruction& call) {
  if (kind.shape != types::SiteShape::array || kind.origin != types::SiteOrigin::size) return false;
  if (call.constant_size == 0 || call.constant_size != element_size) return false;
  return std::any_of(call.callees.begin(), call.callees.end(), [](std::string_view name) {
    return name == "_Znwm" || name == "_ZnwmSt11align_val_t";
  });
}

ToldSite told_site(const types::SiteKind& kind, types::TypeIndex type, types::TypeIndex tail,
                   types::TypeGraph& types, std::span<const types::TypeIndex> others) {
  using types::SiteOrigin;
  ToldSite told;
  if (kind.origin == SiteOrigin::wrapper) {
    told.what = Told::wrapper;
    return told;
  }
  if (type == types::kNoType || type == types::TypeGraph::kVoid) return told;
  if (kind.shape == types::SiteShape::one_of) {
    std::vector<types::TypeIndex> all{type};
    all.insert(all.end(), others.begin(), others.end());
    type = types.one_of(all);
    if (type == types::kNoType) return told;
  }
  // Of an array with its number in front the elements must be known: the number is the least of it.
  if (kind.origin == SiteOrigin::new_expression && kind.shape == types::SiteShape::flexible) {
    type = tail == types::kNoType ? types::kNoType : types.flexible_of(type, tail);
    if (type == types::kNoType) return told;
    tail = types::kNoType;
  }
  told.what = kind.is_refuted() ? Told::refuted : Told::a_type;
  told.type = type;
  switch (kind.shape) {
    case types::SiteShape::one:
      told.shape = types::Shape::one;
      break;
    case types::SiteShape::array:
      told.shape = types::Shape::array;
      told.type = types.unbounded_array_of(type);
      break;
    case types::SiteShape::flexible:
    case types::SiteShape::at_least:
      told.shape = types::Shape::flexible;
      if (tail != types::kNoType) {
        const types::TypeIndex both = types.flexible_of(type, tail);
        if (both != types::kNoType) told.type = both;
      }
      break;
    case types::SiteShape::one_of:
      told.shape = types::Shape::flexible;
      told.flags |= types::kSiteOneOf;
      break;
  }
  switch (kind.origin) {
    case SiteOrigin::new_expression:
      told.provenance = types::Provenance::new_expression;
      break;
    case SiteOrigin::size:
      told.provenance = types::Provenance::size_arithmetic;
      told.evidence |=
          told.shape == types::Shape::one ? types::kSiteConstantSizeFits : types::kSiteStrideFits;
      break;
    case SiteOrigin::target:
    case SiteOrigin::wrapper:
      told.provenance = types::Provenance::target;
      told.evidence |= types::kSiteTargetVariable;
      told.is_used_as_told = kind.target == types::SiteTargetSays::agrees ||
                             kind.target == types::SiteTargetSays::used;
      break;
  }
  if (kind.target == types::SiteTargetSays::agrees) told.evidence |= types::kSiteTargetVariable;
  if (kind.target == types::SiteTargetSays::disagrees) told.flags |= types::kSiteTargetDisagrees;
  if (kind.target == types::SiteTargetSays::used) told.flags |= types::kSiteUsedAsTold;
  return told;
}

types::TypeIndex tail_of(types::TypeIndex member, const types::TypeGraph& types) {
  const bool is_array = member != types::kNoType && types[member].kind == types::Kind::array;
  return is_array ? types[member].target : member;
}

void apply_told(const ToldSite& told, SiteRecord& site) {
  site.type = told.type;
  site.shape = told.shape;
  site.provenance = told.provenance;
  site.evidence = told.evidence;
  site.flags = told.flags;
}

void sort_by_return_address(std::vector<SiteRecord>& sites) {
  std::sort(sites.begin(), sites.end(), [](const SiteRecord& a, const SiteRecord& b) {
    return a.return_address < b.return_address;
  });
}

void overrule_sites(std::span<const CallInstruction> calls, std::span<const ToldSite> told,
                    ObjectModel& model) {
  std::vector<SiteRecord> added;
  for (std::size_t i = 0; i < calls.size() && i < told.size(); ++i) {
    if (told[i].what == Told::nothing || calls[i].return_address == 0) continue;
    SiteRecord* site = site_at(model, calls[i].return_address);
    if (site == nullptr) site = &added.emplace_back(new_site(calls[i], model));
    apply(told[i], *site, model.types);
  }
  model.sites.insert(model.sites.end(), added.begin(), added.end());
  sort_by_return_address(model.sites);
}

}  // namespace allocs::meta
