// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/doctor_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tools/allocs/health.h"

namespace allocs::tool {

namespace {

const char* word_of(Health health) {
  switch (health) {
    case Health::good:
      return "good";
    case Health::limited:
      return "limited";
    case Health::broken:
      return "broken";
  }
  return "";
}

const char* colour_of(Health health) {
  switch (health) {
    case Health::good:
      return "\033[32m";
    case Health::limited:
      return "\033[33m";
    case Health::broken:
      return "\033[31m";
  }
  return "";
}

void print_text(const std::vector<Diagnosis>& diagnoses) {
  const char* no_colour = std::getenv("NO_COLOR");
  const bool in_colour =
      isatty(STDOUT_FILENO) != 0 && (no_colour == nullptr || no_colour[0] == '\0');
  for (const Diagnosis& one : diagnoses) {
    const std::string word = fmt::format("{:<8}", word_of(one.health));
    fmt::print("{} {:<18} {}\n",
               in_colour ? fmt::format("{}{}\033[0m", colour_of(one.health), word) : word,
               one.subject, one.finding);
    if (!one.advice.empty()) fmt::print("{:<27} -> {}\n", "", one.advice);
  }
}

void print_json(const std::vector<Diagnosis>& diagnoses) {
  nlohmann::json all = nlohmann::json::array();
  for (const Diagnosis& one : diagnoses) {
    nlohmann::json entry{
        {"subject", one.subject}, {"health", word_of(one.health)}, {"finding", one.finding}};
    if (!one.advice.empty()) entry["advice"] = one.advice;
    all.push_back(std::move(entry));
  }
  fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace

void add_doctor_command(CLI::App& app, int& status) {
  auto* command = app.add_subcommand(
      "doctor", "Check the installation, the cache and the system, and say what to do");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "JSON instead of text");
  command->callback([json, &status] {
    std::vector<Diagnosis> all;
    for (const auto examine :
         {examine_installation, examine_metadata, examine_system, examine_toolchain}) {
      for (Diagnosis& one : examine()) all.push_back(std::move(one));
    }
    *json ? print_json(all) : print_text(all);
    const bool is_well = std::ranges::none_of(
        all, [](const Diagnosis& one) { return one.health == Health::broken; });
    status = is_well ? 0 : 1;
  });
}

}  // namespace allocs::tool
