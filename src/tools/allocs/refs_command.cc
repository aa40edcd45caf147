// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/refs_command.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tools/allocs/referrers.h"
#include "tools/allocs/target.h"

namespace allocs::tool {

namespace {

constexpr std::size_t kMostSteps = 64;

struct RefsOptions {
  std::string target;
  std::string address;
  bool from_root = false;
  bool all = false;
  bool json = false;
};

const char* word_for(Referrer::Kind kind) {
  switch (kind) {
    case Referrer::Kind::pointer:
      return "pointer";
    case Referrer::Kind::other:
      return "not a pointer";
    case Referrer::Kind::untyped:
      return "untyped word";
    case Referrer::Kind::register_:
      return "register";
    case Referrer::Kind::bookkeeping:
      return "malloc's own";
    case Referrer::Kind::nowhere:
      return "in no allocation";
  }
  return "";
}

std::string place_of(const Referrer& referrer) {
  if (referrer.kind == Referrer::Kind::register_) return "register " + referrer.register_name;
  if (referrer.kind == Referrer::Kind::nowhere) return "(no allocation)";
  return referrer.path.empty() ? fmt::format("{:#x}", referrer.at) : referrer.path;
}

void print_text(const Referrer& referrer, std::uint64_t wanted_begin) {
  if (referrer.at != 0) {
    fmt::print("  {:#x}  {}", referrer.at, place_of(referrer));
  } else {
    fmt::print("  {}", place_of(referrer));
  }
  if (!referrer.field_type.empty()) {
    fmt::print("  {}{}", referrer.field_type,
               referrer.kind == Referrer::Kind::other ? " (not a pointer)" : "");
  } else if (referrer.kind == Referrer::Kind::untyped) {
    fmt::print("  ({})", word_for(referrer.kind));
  }
  if (!referrer.allocator.empty()) fmt::print("  {}", referrer.allocator);
  if (referrer.thread != 0) fmt::print(", thread {}", referrer.thread);
  if (const std::uint64_t offset = referrer.value - wanted_begin; offset != 0)
    fmt::print(", to byte {}", offset);
  fmt::print("\n");
}

nlohmann::ordered_json json_of(const Referrer& referrer) {
  nlohmann::ordered_json entry{{"kind", word_for(referrer.kind)}};
  if (referrer.at != 0) entry["address"] = fmt::format("{:#x}", referrer.at);
  if (!referrer.register_name.empty()) entry["register"] = referrer.register_name;
  entry["value"] = fmt::format("{:#x}", referrer.value);
  entry["offset"] = referrer.value - raw(referrer.target.begin);
  if (referrer.kind == Referrer::Kind::register_ || referrer.kind == Referrer::Kind::nowhere) {
    if (referrer.thread != 0) entry["thread"] = referrer.thread;
    return entry;
  }
  entry["path"] = referrer.path;
  if (!referrer.field_type.empty()) entry["type_as_written"] = referrer.field_type;
  entry["allocator"] = referrer.allocator;
  entry["base"] = fmt::format("{:#x}", raw(referrer.holder.begin));
  if (!referrer.holder_type.empty()) entry["base_type_as_written"] = referrer.holder_type;
  if (referrer.thread != 0) entry["thread"] = referrer.thread;
  return entry;
}

// What the question is about, in one line.
std::string headline(const Finding& finding) {
  std::string text = fmt::format("{:#x} + {} bytes, ", finding.base, finding.size);
  text += finding.type_problem.empty() ? finding.human_type : "type unknown";
  text += ", " + finding.allocator;
  if (!finding.name.empty()) text += " " + finding.name;
  if (!finding.site_name.empty()) text += ", allocated by " + finding.site_name;
  return text;
}

// The type of a block that has none by what points to it, as the source writes it; empty if that tells none either.
template <query::Process P>
std::string type_by_referrers(const P& process, const std::vector<Referrer>& referrers,
                              Address block) {
  query::Answer answer = query::query_heap(process, block);
  if (answer.error != ALLOC_OK || answer.type != nullptr || answer.is_empty) return {};
  set_type_by_list(process, referrers, answer);
  if (answer.type == nullptr) return {};
  return text_of([&](TextWriter& out) { types::put_human_name(out, answer.type); });
}

int print(const std::vector<Referrer>& referrers, const Finding& finding,
          const std::vector<std::string>& left_out, const RefsOptions& options,
          const std::string& type_by_referrers) {
  std::size_t nowhere = 0;
  for (const Referrer& referrer : referrers) nowhere += may_hold(referrer) ? 0 : 1;
  const std::size_t shown = options.all ? referrers.size() : referrers.size() - nowhere;
  if (options.json) {
    nlohmann::ordered_json out{{"base", fmt::format("{:#x}", finding.base)},
                               {"size", finding.size},
                               {"allocator", finding.allocator}};
    if (finding.type_problem.empty()) out["type_as_written"] = finding.human_type;
    if (!type_by_referrers.empty()) out["type_by_references"] = type_by_referrers;
    auto& list = out[options.from_root ? "chain" : "references"] = nlohmann::ordered_json::array();
    for (const Referrer& referrer : referrers) {
      if (options.all || may_hold(referrer)) list.push_back(json_of(referrer));
    }
    if (!options.from_root) out["not_counted"] = nowhere;
    out["not_looked_into"] = left_out;
    fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return shown != 0 ? 0 : kExitNotTold;
  }
  fmt::print("{}\n", headline(finding));
  if (!type_by_referrers.empty())
    fmt::print("by the pointers to it: {} (weak)\n", type_by_referrers);
  if (options.from_root) {
    fmt::print("{}\n", referrers.empty() ? "nothing leads here from a variable or a register"
                                         : "is held by, the outermost first:");
  } else {
    fmt::print("{} reference{}{}\n", shown, shown == 1 ? "" : "s", shown == 0 ? "" : ":");
  }
  for (const Referrer& referrer : referrers) {
    if (options.all || may_hold(referrer)) print_text(referrer, raw(referrer.target.begin));
  }
  if (nowhere != 0 && !options.all) {
    fmt::print(
        "and {} word{} in freed memory, in frames that have returned, or malloc's own: --all shows "
        "{}\n",
        nowhere, nowhere == 1 ? "" : "s", nowhere == 1 ? "it" : "them");
  }
  for (const std::string& range : left_out) fmt::print("not looked into: {}\n", range);
  return shown != 0 ? 0 : kExitNotTold;
}

int refs(const RefsOptions& options) {
  const auto address = parse_address(options.address);
  if (!address) return say_not_an_address(options.address);
  return visit_target(options.target, [&](const auto& process, const auto&) {
    const Finding finding = find_out(process, Address{*address}, Enclosing::not_asked);
    if (finding.error != ALLOC_OK) {
      fmt::print(stderr, "allocs: at {:#x}: {}\n", *address, finding.message);
      return kExitNotTold;
    }
    const AddressRange wanted{Address{finding.base},
                              Address{finding.base + std::max<std::uint64_t>(finding.size, 1)}};
    std::vector<std::string> left_out;
    const std::vector<AddressRange> where = ranges_to_scan(process, left_out);
    std::vector<Referrer> referrers;
    if (options.from_root) {
      referrers = chain_from_root(process.host(), process, where, wanted, kMostSteps);
    } else {
      TargetRanges targets;
      targets.add(wanted);
      targets.sort();
      referrers = find_referrers(process.host(), process, where, targets);
    }
    const std::string by_referrers =
        options.from_root ? "" : type_by_referrers(process, referrers, wanted.begin);
    return print(referrers, finding, left_out, options, by_referrers);
  });
}

}  // namespace

void add_refs_command(CLI::App& app, int& status) {
  auto* command =
      app.add_subcommand("refs", "Tell what points at an allocation of a core file or a process");
  auto options = std::make_shared<RefsOptions>();
  command->add_option("target", options->target, "A core file, or the number of a process")
      ->required();
  command->add_option("address", options->address, "An address in the allocation, in hexadecimal")
      ->required();
  command->add_flag("--from-root", options->from_root,
                    "The shortest chain that leads there from a variable or a register");
  command->add_flag("--all", options->all,
                    "Words in freed memory and returned frames, and malloc's own, too");
  command->add_flag("--json", options->json, "JSON instead of text");
  command->callback([options, &status] { status = refs(*options); });
}

}  // namespace allocs::tool
