// SPDX-License-Identifier: Apache-2.0
#include "toolchain/allocscc/compiler.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string_view>

#include "toolchain/toolsub/find_program.h"
#include "toolchain/toolsub/response_file.h"

// ALLOCS_PLUGIN_CLANG is the major version of the clang that the plugin is built for, given by the build.
namespace allocs::allocscc {

namespace {

constexpr std::string_view kVersion = ALLOCS_PLUGIN_CLANG;

std::string file_name(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

// gcc-12 -> g++-12, x86_64-linux-gnu-gcc -> x86_64-linux-gnu-g++, clang-19 -> clang++-19, cc -> c++
std::string name_for_cxx(std::string name) {
  struct Pair {
    std::string_view c, cxx;
  };
  for (const auto& [c, cxx] : {Pair{"clang", "clang++"}, Pair{"gcc", "g++"}, Pair{"cc", "c++"}}) {
    const std::size_t slash = name.rfind('/');
    const std::size_t from = slash == std::string::npos ? 0 : slash + 1;
    const std::size_t at = name.rfind(c);
    if (at == std::string::npos || at < from) continue;
    const bool is_word = (at == from || name[at - 1] == '-') &&
                         (at + c.size() == name.size() || name[at + c.size()] == '-');
    if (is_word) return name.replace(at, c.size(), cxx);
  }
  return name;
}

bool is_launcher(std::string_view word) {
  const std::string name = file_name(word);
  return name == "ccache" || name == "sccache" || name == "distcc" || name == "icecc";
}

// "ccache gcc -m32" is three words, but the path of a program may have blanks in it.
std::vector<std::string> words_of(const std::string& command) {
  if (!toolsub::find_program(command).empty()) return {command};
  return toolsub::words_of_response_file(command);
}

// What the compiler says to one question; empty if it says nothing. A few milliseconds.
std::string ask(const std::string& program, const char* question) {
  std::string quoted = "'";
  for (const char c : program) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  FILE* pipe = ::popen((quoted + "' " + question + " 2>/dev/null </dev/null").c_str(), "re");
  if (pipe == nullptr) return {};
  std::string answer;
  char buffer[512];
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) answer += buffer;
  ::pclose(pipe);
  return answer;
}

// Names first: they cost nothing. Who is called cc is asked.
void recognise(const std::string& name, const std::string& program, Compiler& compiler) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(program, error);
  const std::string real_name = error ? name : real.filename().string();
  const auto contains = [](const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  };
  if (contains(name, "clang") || contains(real_name, "clang")) {
    compiler.is_clang = true;
  } else if (!contains(name, "gcc") && !contains(name, "g++") && !contains(real_name, "gcc") &&
             !contains(real_name, "g++")) {
    compiler.is_clang = contains(ask(program, "--version"), "clang");
  }
  if (compiler.is_clang) {
    const std::string in_name = "clang-" + std::string(kVersion);
    const std::string in_folder = "/llvm-" + std::string(kVersion) + "/";
    compiler.takes_plugin = real_name == in_name || contains(real.string(), in_folder);
    if (!compiler.takes_plugin && !contains(real.string(), "/llvm-"))
      compiler.takes_plugin = ask(program, "-dumpversion").starts_with(std::string(kVersion) + ".");
  }
  // A cross compiler is called aarch64-linux-gnu-gcc.
  if (std::ranges::count(name, '-') >= 2 && !name.starts_with("x86_64-") &&
      !name.starts_with("amd64-") && !name.starts_with("clang"))
    compiler.is_foreign = true;
}

std::vector<std::string> names_to_try(bool is_cxx) {
  const std::string version(kVersion);
  if (is_cxx) return {"clang++-" + version, "clang++", "g++", "c++"};
  return {"clang-" + version, "clang", "gcc", "cc"};
}

}  // namespace

std::string Compiler::major_version() const {
  // Most are called so: x86_64-linux-gnu-gcc-12. The others are asked.
  const std::string& driver = inner.empty() ? program : inner;
  std::error_code error;
  const std::string name = std::filesystem::canonical(driver, error).filename().string();
  const std::size_t number = name.find_last_not_of("0123456789") + 1;
  if (number < name.size() && (name.ends_with("gcc-" + name.substr(number)) ||
                               name.ends_with("g++-" + name.substr(number))))
    return name.substr(number);
  const std::string version = ask(driver, "-dumpversion");
  return version.substr(0, version.find_first_not_of("0123456789"));
}

toolsub::Command Compiler::command(const std::vector<std::string>& arguments) const {
  toolsub::Command command{program, words};
  command.words.insert(command.words.end(), arguments.begin(), arguments.end());
  return command;
}

std::optional<Compiler> find_compiler(const Settings& settings, std::string& problem) {
  Compiler compiler;
  if (settings.compiler.empty()) {
    for (const std::string& name : names_to_try(settings.is_cxx)) {
      compiler.program = toolsub::find_program(name);
      if (compiler.program.empty()) continue;
      compiler.words = {name};
      recognise(name, compiler.program, compiler);
      return compiler;
    }
    problem = "no compiler is installed; install clang-" + std::string(kVersion) +
              " or gcc, or name one with --allocs-cc=";
    return std::nullopt;
  }
  compiler.words = words_of(settings.compiler);
  const bool is_launched = compiler.words.size() > 1 && is_launcher(compiler.words[0]);
  if (!compiler.words.empty() && settings.is_named_for_c) {
    std::string& word = compiler.words[is_launched ? 1 : 0];
    word = name_for_cxx(word);
  }
  compiler.program = compiler.words.empty() ? "" : toolsub::find_program(compiler.words[0]);
  const std::string inner =
      is_launched ? toolsub::find_program(compiler.words[1]) : compiler.program;
  if (compiler.program.empty() || inner.empty()) {
    problem =
        settings.compiler + ": there is no such compiler; --allocs-cc= or the environment names it";
    return std::nullopt;
  }
  compiler.inner = inner;
  recognise(file_name(compiler.words[is_launched ? 1 : 0]), inner, compiler);
  return compiler;
}

std::string find_analyser() { return toolsub::find_program("clang-" + std::string(kVersion)); }

}  // namespace allocs::allocscc
