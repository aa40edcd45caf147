// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/finding.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace allocs::tool {

namespace {

std::string hexadecimal(std::uint64_t value) { return fmt::format("{:#x}", value); }

// A function's type has no size; its code has.
std::uint64_t public_size(const Finding& finding) { return finding.is_function ? 0 : finding.size; }

void put_text(const Finding& finding, fmt::memory_buffer& text) {
  const auto put = [&](const auto& compiled, const auto&... values) {
    fmt::format_to(fmt::appender(text), compiled, values...);
  };
  if (finding.error != ALLOC_OK) {
    const char* prefix = finding.error == ALLOC_E_NOTHING_THERE ? "" : "cannot tell: ";
    put(FMT_COMPILE("At {:#x}: {}{}\n"), finding.address, prefix, finding.message);
    return;
  }
  put(FMT_COMPILE("At {:#x} is a {}-allocated object of size {}, type {}\n"), finding.address,
      finding.allocator, public_size(finding), finding.type);
  const std::uint64_t offset = finding.address - finding.base;
  put(FMT_COMPILE("    bounds    {:#x} + {} bytes"), finding.base, finding.size);
  if (offset != 0) put(FMT_COMPILE(", {} bytes in"), offset);
  if (finding.thread != 0) put(FMT_COMPILE(", thread {}"), finding.thread);
  put(FMT_COMPILE("\n"));
  if (!finding.name.empty()) put(FMT_COMPILE("    name      {}\n"), finding.name);
  if (finding.type_problem.empty()) {
    put(FMT_COMPILE("    type      {} ({})\n"), finding.human_type, finding.type_grade);
  } else {
    put(FMT_COMPILE("    type      unknown: {}\n"), finding.type_problem);
  }
  const bool has_path = finding.type_problem.empty() || finding.is_slot;
  if (has_path && finding.path != finding.name)
    put(FMT_COMPILE("    path      {}\n"), finding.path);
  if (!finding.slot_holds.empty())
    put(FMT_COMPILE("    holds     {}{}{}\n"), finding.slot_holds,
        finding.slot_type.empty() ? "" : ", ", finding.slot_type);
  if (finding.site != 0)
    put(FMT_COMPILE("    site      {:#x} {}\n"), finding.site, finding.site_name);
  put(FMT_COMPILE("    evidence  {}\n"), finding.evidence);
}

}  // namespace

void print_text(const Finding& finding) {
  fmt::memory_buffer text;
  put_text(finding, text);
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void print_json(const std::vector<Finding>& findings) {
  auto list = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    nlohmann::ordered_json entry{{"address", hexadecimal(finding.address)}};
    if (finding.error != ALLOC_OK) {
      entry["error"] = finding.message;
      entry["nothing_there"] = finding.error == ALLOC_E_NOTHING_THERE;
      list.push_back(entry);
      continue;
    }
    entry["allocator"] = finding.allocator;
    if (!finding.name.empty()) entry["name"] = finding.name;
    entry["base"] = hexadecimal(finding.base);
    entry["size"] = public_size(finding);
    if (finding.is_function) entry["code_size"] = finding.size;
    entry["bounds_grade"] = finding.base_grade;
    if (finding.type_problem.empty()) {
      entry["type"] = finding.type;
      entry["type_as_written"] = finding.human_type;
      entry["path"] = finding.path;
      entry["type_grade"] = finding.type_grade;
    } else {
      entry["type"] = nullptr;
      entry["type_problem"] = finding.type_problem;
    }
    if (finding.is_slot) {
      auto& slot = entry["slot"] = {{"path", finding.path}, {"register", finding.slot_register}};
      if (!finding.slot_holds.empty()) slot["holds"] = finding.slot_holds;
      if (!finding.slot_type.empty()) slot["type_as_written"] = finding.slot_type;
    }
    if (finding.site != 0)
      entry["site"] = {{"address", hexadecimal(finding.site)}, {"function", finding.site_name}};
    if (finding.thread != 0) entry["thread"] = finding.thread;
    entry["evidence"] = finding.evidence;
    auto& enclosing = entry["allocations"] = nlohmann::ordered_json::array();
    for (const Finding::Level& level : finding.enclosing) {
      enclosing.push_back({{"allocator", level.allocator},
                           {"base", hexadecimal(level.base)},
                           {"size", level.size},
                           {"name", level.name}});
    }
    list.push_back(entry);
  }
  fmt::print("{}\n", list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace allocs::tool
