// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/meta_macros_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "meta/debuginfod.h"
#include "meta/macros.h"
#include "tools/allocs/fetch_report.h"

namespace allocs::tool {

namespace {

using Json = nlohmann::ordered_json;

struct MacrosOptions {
  std::string object;
  std::string name;
  bool json = false;
};

std::string text_of(const meta::MacroPlace& place) {
  return place.is_in_source() ? fmt::format("{}:{}", place.file, place.line)
                              : "the compiler or its command line";
}

void print_text(const meta::Macros& macros) {
  constexpr std::size_t kMostUnits = 3;
  for (const meta::MacroDefinition& macro : macros.definitions) {
    fmt::print("#define {}{}{}{}\n  {}", macro.name, macro.parameters,
               macro.value.empty() ? "" : " ", macro.value, text_of(macro.defined));
    if (macro.ended) fmt::print(", until {}", text_of(*macro.ended));
    fmt::print(", in ");
    for (std::size_t i = 0; i < macro.units.size() && i < kMostUnits; ++i)
      fmt::print("{}{}", i == 0 ? "" : ", ", macro.units[i]);
    if (macro.units.size() > kMostUnits)
      fmt::print(" and {} more", macro.units.size() - kMostUnits);
    fmt::print("\n");
  }
}

// Without file and line it is the compiler's or its command line's.
Json json_of(const meta::MacroPlace& place) {
  Json one = Json::object();
  if (place.is_in_source()) one = {{"file", place.file}, {"line", place.line}};
  return one;
}

void print_json(const meta::Macros& macros) {
  Json all = Json::array();
  for (const meta::MacroDefinition& macro : macros.definitions) {
    Json one{{"name", macro.name}};
    if (!macro.parameters.empty()) one["parameters"] = macro.parameters;
    one["value"] = macro.value;
    one["defined"] = json_of(macro.defined);
    if (macro.ended) one["until"] = json_of(*macro.ended);
    one["units"] = macro.units;
    all.push_back(std::move(one));
  }
  // Source text may be in any encoding.
  fmt::print("{}\n", all.dump(2, ' ', false, Json::error_handler_t::replace));
}

int run(const MacrosOptions& options) {
  meta::Diagnostics diag;
  meta::Macros macros;
  FetchReport report;
  meta::Debuginfod debuginfod(report);
  const meta::ObjectFiles files = meta::open_object_files(options.object, diag, &debuginfod);
  if (files.object != nullptr) macros = meta::read_macros(files, options.name, diag);
  for (const std::string& message : diag.messages()) fmt::print(stderr, "{}\n", message);
  if (files.object == nullptr) return 1;
  if (options.json) {
    print_json(macros);
  } else {
    print_text(macros);
  }
  if (!macros.is_told) {
    fmt::print(stderr,
               "{}: its debug information tells no macros; compile with -g3 (clang: with "
               "-fdebug-macro as well)\n",
               options.object);
  } else if (macros.definitions.empty()) {
    fmt::print(stderr, "{}: no unit that tells its macros defines {}\n", options.object,
               options.name);
  }
  return macros.definitions.empty() ? 1 : 0;
}

}  // namespace

void add_meta_macros_command(CLI::App& group, int& status) {
  auto options = std::make_shared<MacrosOptions>();
  CLI::App* macros = group.add_subcommand(
      "macros", "What C macros stand for in a program or library that was compiled with -g3");
  macros->add_option("object", options->object, "The program or library")->required();
  macros->add_option("name", options->name, "The macro; default: all");
  macros->add_flag("--json", options->json, "JSON instead of text");
  macros->callback([options, &status] { status = run(*options); });
}

}  // namespace allocs::tool
