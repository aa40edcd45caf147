// SPDX-License-Identifier: Apache-2.0
#include "toolchain/allocscc/analysis.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>

#include "elf/write/put_section.h"
#include "types/site_list.h"

namespace allocs::allocscc {

namespace {

using toolsub::Argument;
using toolsub::CommandLine;
using toolsub::Language;
using toolsub::Purpose;

// Of the options that are not about the preprocessor, those that change what the source means to a front end, and that clang
// has too. A name that ends in '=' begins a word; others are whole words.
constexpr std::string_view kKept[] = {"-std=",
                                      "--std=",
                                      "-ansi",
                                      "-pthread",
                                      "-fopenmp",
                                      "-O0",
                                      "-O1",
                                      "-O2",
                                      "-O3",
                                      "-Os",
                                      "-Og",
                                      "-O",
                                      "-Ofast",
                                      "-m32",
                                      "-m64",
                                      "-mx32",
                                      "-march=",
                                      "-mcmodel=",
                                      "-mlong-double-64",
                                      "-mlong-double-80",
                                      "-mlong-double-128",
                                      "-fPIC",
                                      "-fpic",
                                      "-fPIE",
                                      "-fpie",
                                      "-fno-pic",
                                      "-fno-pie",
                                      "-fsigned-char",
                                      "-funsigned-char",
                                      "-fno-signed-char",
                                      "-fno-unsigned-char",
                                      "-fshort-enums",
                                      "-fshort-wchar",
                                      "-fms-extensions",
                                      "-fgnu89-inline",
                                      "-fno-gnu89-inline",
                                      "-fpermissive",
                                      "-fchar8_t",
                                      "-fno-char8_t",
                                      "-ffreestanding",
                                      "-fhosted",
                                      "-fno-builtin",
                                      "-fasm",
                                      "-fno-asm",
                                      "-fexceptions",
                                      "-fno-exceptions",
                                      "-frtti",
                                      "-fno-rtti",
                                      "-fsized-deallocation",
                                      "-fno-sized-deallocation",
                                      "-faligned-new",
                                      "-fno-aligned-new",
                                      "-fcoroutines",
                                      "-fpack-struct",
                                      "-fpack-struct=",
                                      "-ftemplate-depth=",
                                      "-fconstexpr-depth=",
                                      "-fno-operator-names",
                                      "-ffast-math",
                                      "-ftrapping-math",
                                      "-fno-trapping-math",
                                      "-fdollars-in-identifiers"};

// Instruction sets decide which intrinsics are declared.
constexpr std::string_view kInstructionSets[] = {
    "mmx",        "sse",      "ssse3", "avx",   "aes",    "pclmul",     "popcnt", "bmi",
    "lzcnt",      "fma",      "f16c",  "movbe", "adx",    "sha",        "rdrnd",  "rdseed",
    "xsave",      "fsgsbase", "cx16",  "sahf",  "vaes",   "vpclmulqdq", "gfni",   "prfchw",
    "clflushopt", "clwb",     "crc32", "rtm",   "waitpkg"};

bool names_instruction_set(std::string_view word) {
  if (!word.starts_with("-m")) return false;
  word.remove_prefix(2);
  if (word.starts_with("no-")) word.remove_prefix(3);
  return std::ranges::any_of(kInstructionSets,
                             [&](std::string_view set) { return word.starts_with(set); });
}

bool is_kept(const Argument& option) {
  const std::string_view word = option.words[0];
  if (option.rule != nullptr && option.rule->purpose == Purpose::preprocess) return true;
  if (option.rule != nullptr && option.rule->name == "--sysroot") return true;
  if (names_instruction_set(word)) return true;
  return std::ranges::any_of(kKept, [&](std::string_view name) {
    return name.ends_with('=') ? word.starts_with(name) : word == name;
  });
}

// -Wp,-DX,-U,Y: what the preprocessor is told that way. Options to make dependencies are not passed on.
void keep_preprocessor_words(const std::string& list, std::vector<std::string>& words) {
  std::size_t from = 0;
  while (from <= list.size()) {
    const std::size_t comma = std::min(list.find(',', from), list.size());
    const std::string word = list.substr(from, comma - from);
    if ((word.starts_with("-D") || word.starts_with("-U") || word.starts_with("-I")) &&
        word.size() > 2)
      words.push_back(word);
    from = comma + 1;
  }
}

std::string name_of_unit(const Argument& input) {
  return input.value.starts_with('-') ? "./" + input.value : input.value;
}

// As compilers call it: what leads there through links, if the environment has that.
std::string working_directory() {
  const char* called = std::getenv("PWD");
  std::error_code error;
  if (called != nullptr && called[0] == '/' && std::filesystem::equivalent(called, ".", error))
    return called;
  return std::filesystem::current_path(error).string();
}

constexpr char kForLinker[] = ".allocs.sites";
constexpr char kForOptimiser[] = ".gnu.debuglto_.allocs.sites";

}  // namespace

std::vector<std::string> list_sections(const CommandLine& line) {
  bool is_lto = false;
  bool is_fat = false;
  for (const Argument& argument : line.arguments()) {
    const std::string_view word = argument.words[0];
    if (argument.is_input) continue;
    if (word == "-flto" || word.starts_with("-flto=")) is_lto = true;
    if (word == "-fno-lto") is_lto = false;
    if (word == "-ffat-lto-objects") is_fat = true;
    if (word == "-fno-fat-lto-objects") is_fat = false;
  }
  if (!is_lto) return {kForLinker};
  return is_fat ? std::vector<std::string>{kForLinker, kForOptimiser}
                : std::vector<std::string>{kForOptimiser};
}

bool can_be_analysed(const Argument& input) {
  const bool has_types = input.language == Language::c || input.language == Language::cxx ||
                         input.language == Language::preprocessed_c ||
                         input.language == Language::preprocessed_cxx;
  return has_types && input.value != "-";
}

std::vector<std::string> words_to_analyse(const CommandLine& line, const Argument& input) {
  std::vector<std::string> words{"-fsyntax-only", "-w", "-Qunused-arguments"};
  for (const Argument& option : line.arguments()) {
    if (option.is_input) continue;
    if (is_kept(option)) {
      words.insert(words.end(), option.words.begin(), option.words.end());
    } else if (option.rule != nullptr && option.rule->name == "-Wp,") {
      keep_preprocessor_words(option.value, words);
    }
  }
  words.emplace_back("-x");
  words.emplace_back(toolsub::name_of(input.language));
  words.push_back(name_of_unit(input));
  return words;
}

std::string empty_list(const Argument& input) {
  const std::string unit = name_of_unit(input), directory = working_directory();
  std::string text{types::kSiteListMagic};
  for (const std::string_view field :
       std::array<std::string_view, 3>{types::kSiteListVersion, unit, directory}) {
    text += '\t';
    types::append_site_list_field(text, field);
  }
  return text + '\n' + std::string{types::kSiteListEnd} + "\t0\n";
}

std::string put_list(const std::string& object, const std::string& list,
                     const std::vector<std::string>& sections) {
  for (const std::string& name : sections) {
    const bool is_for_linker = name == kForLinker;
    std::string problem =
        elf::write::put_section(object, {.name = name,
                                         .content = std::as_bytes(std::span(list)),
                                         .alignment = 1,
                                         .flags = is_for_linker ? 0u : std::uint64_t{SHF_EXCLUDE}});
    if (!problem.empty()) return problem;
  }
  return {};
}

toolsub::Command command_to_analyse(const std::string& clang, std::vector<std::string> words,
                                    const Installation& installation, const std::string& list) {
  if (installation.list_sites.empty()) {
    words.insert(words.begin(), {clang, "-fplugin=" + installation.plugin, "-Xclang",
                                 "-plugin-arg-allocs", "-Xclang", "list=" + list});
    return {clang, std::move(words)};
  }
  // By its real path: clang's own headers lie beside that.
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(clang, error);
  words.insert(words.begin(), {installation.list_sites, list, error ? clang : real.string()});
  return {installation.list_sites, std::move(words)};
}

Analysis::Analysis(const std::string& clang, const CommandLine& line, const Argument& input,
                   const Installation& installation, ScratchFiles& scratch)
    : list_(scratch.create(".sites")), sections_(list_sections(line)) {
  if (list_.empty()) return;
  const toolsub::Command command =
      command_to_analyse(clang, words_to_analyse(line, input), installation, list_);
  int error = 0;
  process_ = toolsub::Process::start(command, toolsub::Output::discarded, error);
}

std::string Analysis::finish(const std::string& object) {
  if (!process_.is_started())
    return object + ": clang could not be started, so its sites are not known";
  if (!process_.wait().is_success())
    return object + ": clang does not understand the source, so its sites are not known";
  std::ifstream file(list_, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return text.empty() ? std::string{} : put_list(object, text, sections_);
}

}  // namespace allocs::allocscc
