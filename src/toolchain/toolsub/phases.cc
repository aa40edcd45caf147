// SPDX-License-Identifier: Apache-2.0
#include "toolchain/toolsub/phases.h"

#include <algorithm>

namespace allocs::toolsub {

namespace {

// Options that make files whose names depend on how the driver divides its work.
constexpr std::string_view kNamesFiles[] = {"-save-temps",
                                            "--save-temps",
                                            "-fdump-",
                                            "-dump",
                                            "-d",
                                            "--coverage",
                                            "-coverage",
                                            "-ftest-coverage",
                                            "-fprofile-",
                                            "-gsplit-dwarf",
                                            "-fstack-usage",
                                            "-fcallgraph-info",
                                            "-aux-info",
                                            "-ftime-trace",
                                            "-fopt-info",
                                            "-fcompare-debug",
                                            "-pass-exit-codes",
                                            "-time"};

bool names_files(const Argument& argument) {
  if (argument.is_input) return false;
  if (argument.rule != nullptr && argument.rule->purpose == Purpose::dependency) return true;
  const std::string_view word = argument.words[0];
  return std::ranges::any_of(kNamesFiles,
                             [&](std::string_view name) { return word.starts_with(name); });
}

bool is_output(const Argument& argument) {
  return argument.rule != nullptr && argument.rule->purpose == Purpose::output;
}

bool is_language(const Argument& argument) {
  return argument.rule != nullptr && argument.rule->purpose == Purpose::language;
}

void add(std::vector<std::string>& words, const Argument& argument) {
  words.insert(words.end(), argument.words.begin(), argument.words.end());
}

// An input behind "--" may look like an option.
std::string unmistakable(const std::string& path) {
  return path != "-" && (path.starts_with('-') || path.starts_with('@')) ? "./" + path : path;
}

}  // namespace

bool can_be_split(const CommandLine& line) {
  return line.work() == Work::link && std::ranges::none_of(line.arguments(), names_files);
}

std::vector<std::string> words_to_compile(const CommandLine& line, std::size_t input,
                                          const std::string& object) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < line.arguments().size(); ++i) {
    const Argument& argument = line.arguments()[i];
    const bool is_other_input = argument.is_input && i != input;
    const bool is_for_linker =
        argument.rule != nullptr &&
        (argument.rule->name == "-l" || argument.rule->name == "-Wl," ||
         argument.rule->name == "-Xlinker" || argument.rule->name == "--for-linker");
    if (is_other_input || is_for_linker || is_output(argument) || argument.words[0] == "--")
      continue;
    if (argument.is_input) {
      words.push_back(unmistakable(argument.value));
    } else {
      add(words, argument);
    }
  }
  words.insert(words.end(), {"-c", "-o", object});
  return words;
}

std::vector<std::string> words_to_link(const CommandLine& line,
                                       const std::map<std::size_t, std::string>& objects) {
  std::vector<std::string> words;
  const Argument* language = nullptr;  // the -x in force
  bool is_forced = false;
  for (std::size_t i = 0; i < line.arguments().size(); ++i) {
    const Argument& argument = line.arguments()[i];
    if (is_language(argument)) {
      language = &argument;
    } else if (const auto object = objects.find(i); object != objects.end()) {
      if (is_forced) words.insert(words.end(), {"-x", "none"});
      is_forced = false;
      words.push_back(object->second);
    } else if (argument.is_input) {
      if (language != nullptr && !is_forced) {
        add(words, *language);
        is_forced = language->value != "none";
      }
      words.push_back(unmistakable(argument.value));
    } else if (argument.words[0] != "--") {
      add(words, argument);
    }
  }
  return words;
}

}  // namespace allocs::toolsub
