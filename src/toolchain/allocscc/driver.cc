// SPDX-License-Identifier: Apache-2.0
#include "toolchain/allocscc/driver.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <list>
#include <map>
#include <optional>

#include "declarations/environment.h"
#include "toolchain/allocscc/amendments.h"
#include "toolchain/allocscc/analysis.h"
#include "toolchain/allocscc/scratch_files.h"
#include "toolchain/allocscc/site_verdict.h"
#include "toolchain/allocscc/stripping.h"
#include "toolchain/toolsub/find_program.h"
#include "toolchain/toolsub/phases.h"
#include "toolchain/toolsub/response_file.h"

// The user's own command is run, with words added to it, whenever that is enough. Only gcc with clang beside it needs more:
// the list of sites goes into an object file, so a command that compiles and links at once is divided.
//
//                    clang                        gcc                              gcc, with clang to analyse
//   -E -M --version  becomes the compiler         becomes the compiler             becomes the compiler
//   -S               + plugin, becomes it         + flags, becomes it              + flags, becomes it
//   -c               + plugin, becomes it         + flags, becomes it              + flags; list into each object
//   link             + words, image into output   + words, image into output       -c each source; then link
namespace allocs::allocscc {

namespace {

using toolsub::Argument;
using toolsub::CommandLine;
using toolsub::Ending;
using toolsub::Output;
using toolsub::Product;
using toolsub::Work;
using Words = std::vector<std::string>;

// Words of a whole command above this go into a response file; the kernel's limit is 2 MiB with the environment.
constexpr std::size_t kMostBytes = std::size_t{1} << 17;

void say(const Job& job, const std::string& text) {
  if (job.settings.is_verbose && !text.empty())
    std::fprintf(stderr, "%s: %s\n", job.settings.own_name.c_str(), text.c_str());
}

std::string text_of(const toolsub::Command& command) {
  std::string text;
  for (const std::string& word : command.words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// A command that cannot be run is told as a shell would.
int complain(const Job& job, const toolsub::Command& command, int error) {
  std::fprintf(stderr, "%s: %s: %s\n", job.settings.own_name.c_str(), command.program.c_str(),
               std::strerror(error));
  return toolsub::status_of_failed_start(error);
}

// Never returns otherwise than with the ending of a command that could not be run.
Ending become_compiler(const Job& job, const Words& words) {
  const toolsub::Command command = job.compiler.command(words);
  say(job, text_of(command));
  toolsub::become(command);
  return Ending{complain(job, command, errno) << 8};
}

Ending run_compiler(const Job& job, const Words& words) {
  const toolsub::Command command = job.compiler.command(words);
  say(job, text_of(command));
  int error = 0;
  const Ending ending = toolsub::run(command, Output::shared, error);
  return error == 0 ? ending : Ending{complain(job, command, error) << 8};
}

// Has someone asked this process to end, and the compiler did not mind?
bool is_interrupted(Ending& ending) {
  if (toolsub::SignalGuard::pending() == 0) return false;
  if (ending.is_success()) ending.status = toolsub::SignalGuard::pending();
  return true;
}

bool is_regular_file(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

void embed_image(const Job& job, const std::string& output) {
  if (job.installation.tool.empty() || !is_regular_file(output)) return;
  const std::string path = output.starts_with('-') ? "./" + output : output;
  const toolsub::Command command{job.installation.tool,
                                 {"allocs", "meta", "build", "--embed", "--quiet", path}};
  say(job, text_of(command));
  int error = 0;
  const Ending ending =
      toolsub::run(command, job.settings.is_verbose ? Output::shared : Output::discarded, error);
  if (!ending.is_success()) say(job, output + ": has no image");
}

void strip_output(const Job& job, const std::string& strip, const std::string& option,
                  const std::string& output) {
  const std::string path = output.starts_with('-') ? "./" + output : output;
  const toolsub::Command command{strip, {"strip", option, path}};
  say(job, text_of(command));
  int error = 0;
  if (!toolsub::run(command, Output::discarded, error).is_success())
    say(job, output + ": is not stripped");
}

Words fitting(Words words, ScratchFiles& scratch) {
  std::size_t bytes = 0;
  for (const std::string& word : words) bytes += word.size() + 1;
  if (bytes < kMostBytes) return words;
  const std::string path = scratch.create(".rsp");
  std::ofstream(path) << toolsub::response_file_text(words);
  return path.empty() ? words : Words{"@" + path};
}

// gcc -c, and beside it the analysis of its one input, if gcc does not find meanwhile that there is nothing to be analysed.
Ending compile_and_analyse_if_needed(const Job& job, const std::string& clang, const Words& words,
                                     const Product& product) {
  const Argument& input = job.line.arguments()[product.argument];
  const toolsub::Command command = job.compiler.command(words);
  say(job, text_of(command));
  ScratchFiles scratch;
  SiteVerdict verdict(input.value);
  int error = 0;
  toolsub::Process gcc = toolsub::Process::start(command, Output::shared, error);
  if (error != 0) return Ending{complain(job, command, error) << 8};
  std::optional<Analysis> analysis;
  if (verdict.may_hold_sites(gcc)) {
    analysis.emplace(clang, job.line, input, job.installation, scratch);
  } else {
    say(job, input.value + ": has no allocation site");
  }
  Ending ending = gcc.wait();
  if (!ending.is_success() || is_interrupted(ending)) return ending;
  say(job, analysis ? analysis->finish(product.path)
                    : put_list(product.path, empty_list(input), list_sections(job.line)));
  return ending;
}

// gcc -c, and the analyses of all its inputs: the first at the same time, any others one by one.
Ending compile_and_analyse(const Job& job, const std::string& clang, const Words& words,
                           const std::vector<Product>& products) {
  ScratchFiles scratch;
  std::list<Analysis> analyses;
  std::vector<const Product*> analysed;
  for (const Product& product : products) {
    if (can_be_analysed(job.line.arguments()[product.argument])) analysed.push_back(&product);
  }
  const auto start = [&](const Product& product) {
    analyses.emplace_back(clang, job.line, job.line.arguments()[product.argument], job.installation,
                          scratch);
  };
  const bool is_told = std::ranges::any_of(words, [&](const std::string& word) {
    return word.starts_with("-fplugin=" + job.installation.plugins + "/gcc-");
  });
  if (is_told && products.size() == 1 && analysed.size() == 1)
    return compile_and_analyse_if_needed(job, clang, words, products[0]);
  if (!analysed.empty()) start(*analysed[0]);
  Ending ending = run_compiler(job, words);
  for (const Product* product : analysed) {
    if (!ending.is_success() || is_interrupted(ending)) break;
    if (product != analysed[0]) start(*product);
    say(job, analyses.back().finish(product->path));
  }
  return ending;
}

Words with(const CommandLine& line, const Words& first, const Words& second = {}) {
  Words words = first;
  words.insert(words.end(), second.begin(), second.end());
  return toolsub::with_words_at_end(line.words(), words);
}

Ending compile_apart_and_link(const Job& job, const std::string& clang, const Words& to_compile,
                              const Words& to_link) {
  ScratchFiles objects;
  std::map<std::size_t, std::string> object_of;
  Ending worst;
  for (std::size_t i = 0; i < job.line.arguments().size(); ++i) {
    const Argument& argument = job.line.arguments()[i];
    if (!argument.is_input || !toolsub::is_compiled(argument.language)) continue;
    const std::string object = objects.create(".o");
    if (object.empty()) return run_compiler(job, with(job.line, to_compile, to_link));
    object_of[i] = object;
    Words words = toolsub::words_to_compile(job.line, i, object);
    words.insert(words.end(), to_compile.begin(), to_compile.end());
    const Ending ending = compile_and_analyse(job, clang, fitting(std::move(words), objects),
                                              {{i, argument.language, object}});
    // The driver goes on with the other sources, and then does not link.
    if (ending.status > worst.status || WIFSIGNALED(ending.status)) worst = ending;
    if (is_interrupted(worst) || WIFSIGNALED(worst.status)) return worst;
  }
  if (!worst.is_success()) return worst;
  Words words = toolsub::words_to_link(job.line, object_of);
  words.insert(words.end(), to_link.begin(), to_link.end());
  return run_compiler(job, fitting(std::move(words), objects));
}

bool wants_analysis(const Job& job, const std::string& clang) {
  if (job.compiler.is_clang || job.installation.plugin.empty() || clang.empty()) return false;
  for (const Argument& argument : job.line.arguments()) {
    if (argument.is_input && can_be_analysed(argument)) return true;
  }
  return false;
}

// Then the compiler fails; with words of ours it might say other things on the way.
bool lacks_inputs(const CommandLine& line) {
  return std::ranges::any_of(line.arguments(), [](const Argument& argument) {
    return argument.is_input && argument.value != "-" &&
           ::access(argument.value.c_str(), F_OK) != 0;
  });
}

Ending link(const Job& job, const LinkAmendment& amendment, const Words& to_compile,
            const std::string& clang) {
  const Words to_link = words_for_linking(amendment, job.installation);
  const std::string output = job.line.products()[0].path;
  const bool is_split = wants_analysis(job, clang) && toolsub::can_be_split(job.line);
  Ending ending = is_split ? compile_apart_and_link(job, clang, to_compile, to_link)
                           : run_compiler(job, with(job.line, to_compile, to_link));
  if (ending.is_success() && !is_interrupted(ending) && amendment.embed) embed_image(job, output);
  return ending;
}

// The same with the options to strip taken out of the command line, and then stripped.
Ending link_and_strip(const Job& job, const LinkAmendment& amendment, const Words& to_compile,
                      const std::string& clang, const DeferredStrip& deferred,
                      const std::string& strip) {
  const CommandLine line(deferred.words, job.line.is_cxx_driver());
  Ending ending =
      link({job.settings, job.compiler, job.installation, line}, amendment, to_compile, clang);
  if (ending.is_success() && !is_interrupted(ending)) {
    const std::string output = line.products()[0].path;
    if (is_regular_file(output)) strip_output(job, strip, deferred.option, output);
  }
  return ending;
}

// Says what is wrong with what the user declares of functions. False if nothing should be compiled so.
bool accept(const Job& job, const declarations::Declarations& declared) {
  for (const auto* texts : {&declared.warnings(), &declared.problems()}) {
    for (const std::string& text : *texts)
      std::fprintf(stderr, "%s: %s\n", job.settings.own_name.c_str(), text.c_str());
  }
  return declared.problems().empty();
}

// The plugin reads the declarations itself. Whoever keeps what was compiled, such as ccache, knows the command line only.
void tell_caches(std::uint64_t declared, Words& to_compile) {
  const auto loads_plugin = [](const std::string& word) { return word.starts_with("-fplugin="); };
  if (declared == 0 || std::ranges::none_of(to_compile, loads_plugin)) return;
  char word[64];
  std::snprintf(word, sizeof word, "-fplugin-arg-allocs-declared=%016llx",
                static_cast<unsigned long long>(declared));
  to_compile.emplace_back(word);
}

// Has code leave records of its blocks of alloca, and declared sub-allocators tell of their pieces, or says that these will not.
void add_for_records(const Job& job, const declarations::Declarations& declared,
                     Words& to_compile) {
  const std::string version = job.compiler.is_clang ? "" : job.compiler.major_version();
  const auto words = words_for_records(job.line, job.compiler, job.installation, version);
  if (words) {
    to_compile.insert(to_compile.end(), words->begin(), words->end());
    return;
  }
  if (!declared.has_pieces()) return;
  std::fprintf(stderr,
               "%s: what is compiled here does not tell of the pieces of declared sub-allocators: "
               "there is no plugin for this use of %s\n",
               job.settings.own_name.c_str(), job.compiler.program.c_str());
}

}  // namespace

Ending drive(const Job& job) {
  const Work work = job.line.work();
  if (work < Work::precompile || lacks_inputs(job.line))
    return become_compiler(job, job.line.words());

  const declarations::DeclaredHere declared = declarations::declared_here();
  if (!accept(job, declared.all)) return Ending{2 << 8};
  Words to_compile = words_for_compiling(job.line, job.compiler, job.installation);
  if (job.settings.builds_package) {
    const Words more = words_for_package(job.line, job.compiler);
    to_compile.insert(to_compile.end(), more.begin(), more.end());
  }
  add_for_records(job, declared.all, to_compile);
  tell_caches(declared.hash, to_compile);
  const LinkAmendment amendment = amendment_of_link(job.line, job.compiler);
  const std::string clang = job.compiler.is_clang ? "" : find_analyser();
  // Nothing has been run so far, and what is to be run is known.

  const toolsub::SignalGuard guard;
  if (job.line.only_shows_commands())
    return become_compiler(
        job, with(job.line, to_compile, words_for_linking(amendment, job.installation)));
  if (work == Work::objects && wants_analysis(job, clang))
    return compile_and_analyse(job, clang, with(job.line, to_compile), job.line.products());
  if (work != Work::link) return become_compiler(job, with(job.line, to_compile));

  const auto deferred = defer_strip(job.line);
  const std::string strip = deferred ? toolsub::find_program("strip") : "";
  if (strip.empty() || !amendment.embed || job.installation.tool.empty())
    return link(job, amendment, to_compile, clang);
  return link_and_strip(job, amendment, to_compile, clang, *deferred, strip);
}

}  // namespace allocs::allocscc
