// SPDX-License-Identifier: Apache-2.0
#include "toolchain/allocscc/amendments.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace allocs::allocscc {

namespace {

using toolsub::Argument;
using toolsub::CommandLine;

template <typename Predicate>
bool any_option(const CommandLine& line, Predicate&& predicate) {
  return std::ranges::any_of(line.arguments(), [&](const Argument& argument) {
    return !argument.is_input && predicate(argument);
  });
}

// These profiles are keyed by the discriminators of line tables, in which the plugin puts its site ids.
bool uses_discriminators(const CommandLine& line) {
  return any_option(line, [](const Argument& argument) {
    const std::string_view word = argument.words[0];
    return word.starts_with("-fprofile-sample-use") || word.starts_with("-fauto-profile") ||
           word == "-fpseudo-probe-for-profiling" || word == "-fdebug-info-for-profiling";
  });
}

bool has_headers(const CommandLine& line) {
  return std::ranges::any_of(line.arguments(), [](const Argument& argument) {
    return argument.is_input && toolsub::is_header(argument.language);
  });
}

// Our libraries are for x86-64 alone.
bool is_for_another_machine(const CommandLine& line) {
  return any_option(line, [](const Argument& argument) {
    const std::string_view word = argument.words[0];
    if (word == "-m32" || word == "-m16" || word == "-mx32" || word == "-miamcu" || word == "-b")
      return true;
    const bool names_target = word == "-target" || word.starts_with("--target") || word == "-arch";
    return names_target && argument.value.find("x86_64") == std::string::npos;
  });
}

// A linker script, or another file format, makes something that a boot loader or a microcontroller starts.
bool has_layout_of_its_own(const CommandLine& line, const std::vector<std::string>& linker_words) {
  const bool has_script = any_option(line, [](const Argument& argument) {
    return argument.rule != nullptr && argument.rule->name.starts_with("-T");
  });
  return has_script || std::ranges::any_of(linker_words, [](const std::string& word) {
           return word.starts_with("-T") || word.starts_with("--script") ||
                  word.starts_with("--oformat") || word.starts_with("--default-script");
         });
}

bool is_relocatable(const CommandLine& line, const std::vector<std::string>& linker_words) {
  const auto means_it = [](const std::string& word) {
    return word == "-r" || word == "--relocatable" || word == "-i" || word == "-Ur";
  };
  return line.has("-r") || std::ranges::any_of(linker_words, means_it);
}

}  // namespace

std::vector<std::string> words_for_compiling(const CommandLine& line, const Compiler& compiler,
                                             const Installation& installation) {
  if (line.compiled_inputs() == 0) return {};
  std::vector<std::string> words;
  const int level = line.debug_level();
  if (level >= 0 && level < 2) words.emplace_back("-g");
  if (!compiler.is_clang) {
    // A call in tail position leaves no return address to know the site by.
    words.emplace_back("-fno-optimize-sibling-calls");
    // Functions that differ in types only would become one, whose calls then stand for both.
    words.emplace_back("-fno-ipa-icf");
  } else if (compiler.takes_plugin && !installation.plugin.empty() && !has_headers(line) &&
             !uses_discriminators(line)) {
    words.push_back("-fplugin=" + installation.plugin);
    words.push_back("-fpass-plugin=" + installation.plugin);
  }
  return words;
}

std::vector<std::string> words_for_package(const CommandLine& line, const Compiler& compiler) {
  const bool has_version = any_option(line, [](const Argument& argument) {
    // `-gdwarf` alone is clang's own choice, `-gdwarf-aranges` no version.
    constexpr std::string_view kVersion = "-gdwarf-";
    const std::string_view word = argument.words[0];
    return word.starts_with(kVersion) && word.size() == kVersion.size() + 1 && word.back() >= '2' &&
           word.back() <= '9';
  });
  const bool is_wanted =
      compiler.is_clang && line.compiled_inputs() != 0 && line.debug_level() >= 0 && !has_version;
  return is_wanted ? std::vector<std::string>{"-gdwarf-4"} : std::vector<std::string>{};
}

std::optional<std::vector<std::string>> words_for_records(const CommandLine& line,
                                                          const Compiler& compiler,
                                                          const Installation& installation,
                                                          const std::string& version) {
  using Words = std::vector<std::string>;
  if (line.compiled_inputs() == 0 || has_headers(line)) return Words{};
  const bool is_for_us = !compiler.is_foreign && !is_for_another_machine(line);
  if (compiler.is_clang) {
    const bool has_plugin = compiler.takes_plugin && !installation.plugin.empty() && is_for_us &&
                            !uses_discriminators(line);
    return has_plugin ? std::optional{Words{}} : std::nullopt;
  }
  const std::string plugin = installation.plugins + "/gcc-" + version + "/allocs.so";
  if (!is_for_us || version.empty() || ::access(plugin.c_str(), R_OK) != 0) return std::nullopt;
  return Words{"-fplugin=" + plugin};
}

LinkAmendment amendment_of_link(const CommandLine& line, const Compiler& compiler) {
  LinkAmendment amendment;
  const std::vector<std::string> linker_words = line.linker_words();
  if (line.work() != toolsub::Work::link || is_relocatable(line, linker_words) ||
      has_layout_of_its_own(line, linker_words))
    return amendment;
  amendment.embed = true;
  amendment.build_id = std::ranges::none_of(linker_words, [](const std::string& word) {
    return word.starts_with("--build-id") || word.starts_with("-build-id");
  });
  const bool has_libraries_of_its_own =
      line.has("-nostdlib") || line.has("--no-standard-libraries") || line.has("-nodefaultlibs") ||
      line.has("-nolibc") || line.has("-ffreestanding");
  const bool is_static = line.has("-static") || line.has("--static") || line.has("-static-pie") ||
                         std::ranges::count(linker_words, "-static") != 0;
  amendment.query_library = !has_libraries_of_its_own && !is_static && !compiler.is_foreign &&
                            !is_for_another_machine(line);
  return amendment;
}

std::vector<std::string> words_for_linking(const LinkAmendment& amendment,
                                           const Installation& installation) {
  std::vector<std::string> words;
  if (amendment.build_id) words.emplace_back("-Wl,--build-id");
  if (!amendment.query_library) return words;
  // By path, not by -L and -l: a search path of ours might find other libraries. Through -Xlinker, so that an -x in
  // force does not make them sources; the driver keeps its place among the inputs.
  for (const std::string& file : {installation.marker, installation.link_library}) {
    if (!file.empty()) words.insert(words.end(), {"-Xlinker", file});
  }
  return words;
}

}  // namespace allocs::allocscc
