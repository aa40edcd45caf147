// SPDX-License-Identifier: Apache-2.0
#include "toolchain/allocscc/stripping.h"

#include <algorithm>
#include <string_view>

namespace allocs::allocscc {

namespace {

using toolsub::Argument;

enum class Strip { nothing, debug, all };

Strip meaning_for_linker(std::string_view word) {
  if (word == "-s" || word == "--strip-all" || word == "-strip-all") return Strip::all;
  if (word == "-S" || word == "--strip-debug" || word == "-strip-debug") return Strip::debug;
  return Strip::nothing;
}

// What is left of -Wl,-O1,-s,-z,now: -Wl,-O1,-z,now; empty if nothing is.
std::string without_strip(const std::string& list, Strip& strip) {
  std::string rest;
  std::size_t from = 0;
  while (from <= list.size()) {
    const std::size_t comma = std::min(list.find(',', from), list.size());
    const std::string word = list.substr(from, comma - from);
    const Strip meaning = meaning_for_linker(word);
    if (meaning == Strip::nothing) rest += (rest.empty() ? "-Wl," : ",") + word;
    strip = std::max(strip, meaning);
    from = comma + 1;
  }
  return rest;
}

}  // namespace

std::optional<DeferredStrip> defer_strip(const toolsub::CommandLine& line) {
  DeferredStrip deferred;
  Strip strip = Strip::nothing;
  for (const Argument& argument : line.arguments()) {
    const std::string_view name = argument.rule == nullptr ? "" : argument.rule->name;
    std::vector<std::string> words = argument.words;
    Strip meaning = Strip::nothing;
    if (name == "-s") {
      meaning = Strip::all;
    } else if (name == "-Xlinker") {
      meaning = meaning_for_linker(argument.value);
    } else if (name == "-Wl,") {
      const std::string rest = without_strip(argument.value, strip);
      words = rest.empty() ? std::vector<std::string>{} : std::vector{rest};
    }
    strip = std::max(strip, meaning);
    if (meaning == Strip::nothing)
      deferred.words.insert(deferred.words.end(), words.begin(), words.end());
  }
  if (strip == Strip::nothing) return std::nullopt;
  deferred.option = strip == Strip::all ? "--strip-all" : "--strip-debug";
  return deferred;
}

}  // namespace allocs::allocscc
