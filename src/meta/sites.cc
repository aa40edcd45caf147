// SPDX-License-Identifier: Apache-2.0
#include "meta/sites.h"

#include <algorithm>
#include <span>
#include <unordered_set>

#include "meta/allocating_functions.h"
#include "meta/allocator_code.h"
#include "meta/compiler_sites.h"
#include "meta/heads_in_front.h"
#include "meta/line_table.h"
#include "meta/member_uses.h"
#include "meta/range_lists.h"
#include "meta/request_size.h"
#include "meta/site_choice.h"
#include "meta/site_targets.h"
#include "meta/standard_library_code.h"
#include "meta/told_sites.h"
#include "meta/value_flow.h"

// From calls to allocation sites.
//
// What the wrappers are is known before any type is chosen (`allocating_functions.h`), because a call in a wrapper has no type of
// its own: its caller's site has.
namespace allocs::meta {

using types::FunctionRecord;
using types::ObjectModel;
using types::SiteRecord;
using types::TypeIndex;

namespace {

struct Site {
  SiteRecord record;
  SiteType type;
  std::vector<TypeIndex> heads;  // if not empty: the block begins with one of these
  const declarations::Content* content = nullptr;  // known of the function; else `type` counts
  bool is_stated = false;                          // by the user, whatever compilers told
};

const AllocationFunction kAnyFunction{};
const declarations::Content kText{declarations::Content::Shape::array, "char", 0};

class SiteReader {
 public:
  SiteReader(const ObjectFiles& files, const Linkage& linkage, const CodeScan& scan,
             CallFrames& frames, const VirtualTables& virtual_tables, const DwarfFacts& facts,
             std::span<const TypeIndex> index_of, const declarations::Declarations& declared,
             ObjectModel& model)
      : object_(*files.object),
        declared_(declared, *files.object),
        linkage_(linkage),
        scan_(scan),
        model_(model),
        statics_(model),
        optimised_(facts, index_of, model),
        virtual_tables_(virtual_tables),
        containers_(model.types),
        functions_(object_, declared_, linkage_, scan_, frames, model_, statics_, optimised_,
                   virtual_tables_),
        member_uses_(
            object_, model_, statics_, optimised_, virtual_tables_,
            [this](std::uint64_t pc) { return functions_.code_around(pc); },
            [this](const FunctionCode& code) { return functions_.follow_whole(code); }) {}

  std::vector<Site> read() {
    std::vector<Site> sites;
    declared_.find_code(model_);
    functions_.learn_declared();
    library_code_.find(object_, declared_.soname(), linkage_, model_);
    if (!model_.functions.empty()) {  // else there are no types to be found
      functions_.find();
      // Which functions allocate is fixed from here on.
      for (auto& [low, followed] : functions_.followed()) {
        read_function(*followed, sites);
        followed.reset();  // these are most of the memory that is needed here
      }
    }
    add_calls_not_seen(sites);
    return sites;
  }

 private:
  void read_function(AllocatingFunctions::Followed& followed, std::vector<Site>& sites) {
    const std::size_t first = sites.size();
    // A second look may know what a first result points at.
    const auto has_learnt = [&] {
      return followed.targets != nullptr && followed.targets->has_learnt();
    };
    for (int look = 0; look == 0 || (look == 1 && has_learnt()); ++look) {
      sites.resize(first);
      for (const CallFact& call : followed.flow.calls) {
        const auto functions = functions_.behind(call);
        if (functions.empty() || call.return_address == 0) continue;
        // If it may be called in several ways, it is not known what it is asked for.
        Site site = site_of(followed, call, functions.size() == 1 ? functions[0] : kAnyFunction);
        const bool tells = site.type.is_known() || site.record.flags != 0 || !site.heads.empty();
        const bool is_guess = !call.callee.known() || functions_.of(call.callee) == nullptr;
        if (is_guess && !tells) continue;
        sites.push_back(site);
        const SiteType& type = sites.back().type;
        if (type.is_known())
          functions_.targets_of(followed).set_result_type(call.result, type.element);
      }
    }
  }

  Site site_of(AllocatingFunctions::Followed& followed, const CallFact& call,
               const AllocationFunction& function) {
    Site site;
    const RequestSize size =
        request_size(followed.flow, call, function,
                     [this](const Callee& callee) { return functions_.short_function(callee); });
    site.record = start_record(call.return_address, function);
    site.record.function = function_name(followed);
    if (size.bytes.is_constant() && size.bytes.addend > 0) {
      site.record.constant_size = static_cast<std::uint64_t>(size.bytes.addend);
    }
    if (settle(site, call.at, function)) return site;
    if (functions_.is_in_wrapper(followed, call)) {
      site.record.flags |= types::kSiteWrapper;
      return site;
    }
    const TargetFinder& finder = functions_.targets_of(followed);
    const bool is_result = function.stored == kNoArgument;
    const std::vector<SiteTarget> targets = is_result
                                                ? finder.targets_of_result(call)
                                                : finder.targets_of_argument(call, function.stored);
    std::vector<TypeIndex> elsewhere, rows;
    if (is_result) {
      elsewhere = finder.targets_elsewhere(call);
      rows = finder.rows_in(call);
    }
    site.type = choose_type(model_.types, containers_, targets, elsewhere, rows,
                            finder.dynamic_types(call), size, function.kind);
    site.heads = heads_of(followed, call, function, site.type, targets, elsewhere);
    if (!site.heads.empty()) {
      site.type = {};
      return site;
    }
    if (site.type.conflict) site.record.flags |= types::kSiteConflict;
    if (is_used_as_told(followed, call, site.type)) site.record.flags |= types::kSiteUsedAsTold;
    if (!site.type.is_known() && !site.type.conflict) fall_back(site, call.at);
    return site;
  }

  // Of a block that nothing is known of, or no more than what it begins with on some way.
  std::vector<TypeIndex> heads_of(const AllocatingFunctions::Followed& followed,
                                  const CallFact& call, const AllocationFunction& function,
                                  const SiteType& chosen, std::span<const SiteTarget> targets,
                                  std::vector<TypeIndex> others) {
    const bool is_open = !chosen.is_known() || chosen.shape == types::Shape::flexible;
    const bool is_plain = function.kind == AllocationKind::plain && function.size != kNoArgument &&
                          function.stored == kNoArgument && function.unit == 1 &&
                          !function.may_be_counted;
    if (!is_open || !is_plain) return {};
    int bytes = function.size;
    if (function.count != kNoArgument) {  // calloc(n, 1)
      const auto is_one = [&](int n) {
        return call.arguments[static_cast<std::size_t>(n)] == Value::constant(1);
      };
      if (is_one(function.size)) bytes = function.count;
      if (!is_one(function.size) && !is_one(function.count)) return {};
    }
    for (const SiteTarget& target : targets) others.push_back(target.type);
    const auto follow_all = [&] {
      return functions_.follow_whole(functions_.code_around(followed.flow.low));
    };
    return heads_in_front({object_, linkage_, model_, statics_, optimised_, followed.record,
                           followed.flow, follow_all},
                          call, bytes, others);
  }

  // Whether what is done with the block, by the function that asks or by others through the member that it is kept in, is what is
  // done with characters, and nothing else.
  bool is_used_as_told(AllocatingFunctions::Followed& followed, const CallFact& call,
                       const SiteType& type) {
    if (!type.is_known() || call.return_address == 0) return false;
    if (!is_character(model_.types[type.element])) return false;
    const TargetFinder& finder = functions_.targets_of(followed);
    const auto places = finder.places_written(call.result);
    MemoryUse use = finder.memory_use(
        call.result, [&](const CallFact& to, int n) { return member_uses_.by_callee(to, n); });
    use.is_hidden = use.is_hidden || !places || !followed.flow.is_complete;
    for (const TypedPlace& place : places.value_or(std::vector<TypedPlace>{})) {
      if (use.as_more || use.is_hidden) break;
      use.add(member_uses_.of(place));
    }
    return use.is_of_bytes();
  }

  // What is declared, and needs no look at the code: of the function that is called, or by the user of the function around the call.
  bool settle(Site& site, std::uint64_t at, const AllocationFunction& called) const {
    if (called.kind == AllocationKind::typed) {
      site.content = &called.declared->content;
      site.is_stated = called.declared->is_users;
    } else if (library_code_.asks_for_bytes(at, called.name)) {
      site.content = &kText;
    } else if (const AllocationFunction* around = declared_.around(at);
               around != nullptr && around->declared->is_users) {
      fall_back(site, at);
      site.is_stated = true;
    } else {
      return false;
    }
    return true;
  }

  // What is declared of the function around a call whose type the code does not tell.
  void fall_back(Site& site, std::uint64_t at) const {
    const AllocationFunction* around = declared_.around(at);
    if (around == nullptr) return;
    if (around->declared->is_wrapper()) {
      site.record.flags |= types::kSiteWrapper;
    } else {
      site.content = &around->declared->content;
    }
  }

  SiteRecord start_record(std::uint64_t return_address, const AllocationFunction& function) {
    SiteRecord record;
    record.return_address = return_address;
    record.callee = model_.strings.add(function.name);
    return record;
  }

  types::StringRef function_name(const AllocatingFunctions::Followed& followed) {
    if (followed.record != nullptr && followed.record->name != 0) return followed.record->name;
    return model_.strings.add(linkage_.callee_at(followed.flow.low).name);
  }

  // Calls that no way through a function was seen to reach, and those in code that could not be followed.
  void add_calls_not_seen(std::vector<Site>& sites) {
    std::unordered_set<std::uint64_t> seen;
    for (const Site& site : sites) seen.insert(site.record.return_address);
    const auto add = [&](std::uint64_t at, std::uint64_t return_address, const Callee& callee) {
      const AllocationFunction* function = functions_.of(callee);
      if (function == nullptr || return_address == 0 || seen.contains(return_address)) return;
      Site site;
      site.record = start_record(return_address, *function);
      if (!settle(site, at, *function)) fall_back(site, at);
      if (const FunctionRecord* f = types::function_at(model_, at)) site.record.function = f->name;
      sites.push_back(site);
    };
    for (const CodeCall& call : scan_.calls) {
      add(call.at, call.return_address, linkage_.callee_at(call.target));
    }
    for (const SlotUse& use : scan_.slot_uses) {
      add(use.at, use.return_address, linkage_.callee_in_slot(use.slot));
    }
  }

  const ElfFile& object_;
  DeclaredFunctions declared_;
  const Linkage& linkage_;
  const CodeScan& scan_;
  ObjectModel& model_;
  TypedStatics statics_;
  OptimisedPointers optimised_;
  const VirtualTables& virtual_tables_;
  Containers containers_;
  AllocatingFunctions functions_;
  MemberUses member_uses_;
  StandardLibraryCode library_code_;
};

void fill_in_type(Site& site, ObjectModel& model) {
  SiteRecord& record = site.record;
  if (site.content != nullptr) {
    record.type = type_of_content(*site.content, model);
    if (record.type == types::kNoType) return;
    record.shape = shape_of_content(*site.content);
    record.provenance = types::Provenance::inferred;
    record.evidence = types::kSiteLibraryFact;
    return;
  }
  if (!site.heads.empty()) {
    record.type = model.types.one_of(site.heads);
    if (record.type == types::kNoType) return;
    record.shape = types::Shape::flexible;
    record.provenance = types::Provenance::inferred;
    record.evidence = types::kSiteTargetVariable | types::kSiteStrideFits;
    record.flags |= types::kSiteOneOf;
    return;
  }
  const SiteType& type = site.type;
  if (!type.is_known()) return;
  const bool is_array = type.shape == types::Shape::array;
  record.type = is_array ? model.types.unbounded_array_of(type.element) : type.element;
  record.shape = type.shape;
  record.provenance = type.provenance;
  record.evidence = type.evidence;
}

// What the user states is not overruled. The model's sites are sorted.
void restore(std::span<const SiteRecord> stated, ObjectModel& model) {
  for (const SiteRecord& as_stated : stated) {
    const auto site = std::lower_bound(
        model.sites.begin(), model.sites.end(), as_stated.return_address,
        [](const SiteRecord& s, std::uint64_t address) { return s.return_address < address; });
    if (site != model.sites.end() && site->return_address == as_stated.return_address)
      *site = as_stated;
  }
}

// The call stays, with what it asks for.
void forget_conclusion(SiteRecord& site) {
  site.type = types::kNoType;
  site.shape = types::Shape::unknown;
  site.provenance = types::Provenance::none;
  site.evidence = 0;
  site.flags = 0;
}

// What is inferred of a C++ function holds of one of those that it stands for. What a library documents holds of all.
void forget_shared_code(const Linkage& linkage, ObjectModel& model) {
  for (SiteRecord& site : model.sites) {
    if (site.type == types::kNoType || (site.evidence & types::kSiteLibraryFact) != 0) continue;
    const FunctionRecord* const function = types::function_at(model, site.return_address - 1);
    if (function == nullptr || !linkage.are_several_functions(function->low)) continue;
    forget_conclusion(site);
    site.flags |= types::kSiteConflict;
  }
}

// Two calls of which the compiler made one belong to no line: the variables that receive the block may be those of one of them.
void doubt(SiteRecord& site) {
  const bool is_declared = (site.evidence & types::kSiteLibraryFact) != 0;
  if (site.type == types::kNoType || is_declared) return;
  constexpr auto kSizeFits =
      static_cast<std::uint8_t>(types::kSiteConstantSizeFits | types::kSiteStrideFits);
  if (site.provenance == types::Provenance::new_expression)
    site.provenance = types::Provenance::inferred;
  site.evidence &= static_cast<std::uint8_t>(~kSizeFits);
  site.flags &= static_cast<decltype(site.flags)>(~types::kSiteUsedAsTold);
}

void fill_in_lines(const ObjectFiles& files, ObjectModel& model, Diagnostics& diag) {
  std::vector<std::uint64_t> calls;
  for (const SiteRecord& site : model.sites) calls.push_back(site.return_address - 1);
  const std::vector<SourceLine> lines = lines_of(files, calls, model.strings, diag);
  for (std::size_t i = 0; i < model.sites.size() && i < lines.size(); ++i) {
    model.sites[i].file = lines[i].file;
    model.sites[i].line = lines[i].line;
    if (lines[i].line == 0 && lines[i].is_in_table) doubt(model.sites[i]);
  }
}

}  // namespace

void read_allocation_sites(const ObjectFiles& files, const Linkage& linkage, const CodeScan& scan,
                           CallFrames& frames, const VirtualTables& virtual_tables,
                           const DwarfFacts& facts, std::span<const TypeIndex> index_of,
                           const declarations::Declarations& declared, SiteWitnesses witnesses,
                           ObjectModel& model, Diagnostics& diag) {
  std::vector<Site> sites =
      SiteReader{files, linkage, scan, frames, virtual_tables, facts, index_of, declared, model}
          .read();
  // Types are only added from here on: what was decided above does not change.
  std::vector<SiteRecord> stated;
  for (Site& site : sites) {
    fill_in_type(site, model);
    model.sites.push_back(site.record);
    if (site.is_stated) stated.push_back(site.record);
  }
  sort_by_return_address(model.sites);
  apply_allocator_code(facts, index_of, model);
  forget_shared_code(linkage, model);
  if (witnesses == SiteWitnesses::compilers) {
    for (SiteRecord& site : model.sites) forget_conclusion(site);
  }
  if (witnesses != SiteWitnesses::code)
    apply_compiler_sites(files, linkage, scan, facts, index_of, model, diag);
  if (witnesses != SiteWitnesses::compilers) restore(stated, model);
  fill_in_lines(files, model, diag);
}

}  // namespace allocs::meta
