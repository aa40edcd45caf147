// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/run_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "tools/allocs/image_provider.h"
#include "tools/allocs/objects_of_program.h"
#include "tools/allocs/preload_library.h"
#include "tools/allocs/progress.h"

namespace allocs::tool {

namespace {

namespace fs = std::filesystem;

struct RunOptions {
  std::vector<std::string> command;
  bool no_metadata = false;
  bool quiet = false;
};

void prepare_metadata(const fs::path& program, bool quiet) {
  std::error_code error;
  const fs::path real = fs::canonical(program, error);
  ImageProvider images{error ? program : real};
  for (const std::string& text : images.declared().problems()) fmt::print(stderr, "{}\n", text);
  const std::vector<fs::path> objects = objects_of_program(program);
  Progress progress("metadata", objects.size(), quiet);
  for (const fs::path& object : objects) {
    progress.step(object.filename().string());
    images.prepare(object);
  }
}

int run(const RunOptions& options) {
  const std::string& name = options.command.front();
  const fs::path program = find_program(name);
  if (program.empty()) {
    fmt::print(stderr, "allocs: {}: not found; give its path or a name in PATH\n", name);
    return 127;
  }
  const fs::path library = find_preload_library();
  if (library.empty()) {
    fmt::print(
        stderr,
        "allocs: {} is not in lib/ beside this tool's bin/; build or install all of liballocs\n",
        kPreloadLibrary);
    return 126;
  }
  if (!options.no_metadata) prepare_metadata(program, options.quiet);
  if (!preload(library)) {
    fmt::print(
        stderr,
        "allocs: {}: the dynamic linker cannot preload from a path with ':' or ';'; move it\n",
        library.string());
    return 126;
  }
  std::vector<char*> arguments;
  for (const std::string& argument : options.command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execv(program.c_str(), arguments.data());
  const int why = errno;
  fmt::print(stderr, "allocs: {}: cannot be run: {}\n", program.string(), std::strerror(why));
  return why == ENOENT ? 127 : 126;
}

}  // namespace

void add_run_command(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("run", "Run a program under liballocs");
  auto options = std::make_shared<RunOptions>();
  command->add_option("command", options->command, "The program and its arguments")->required();
  command->add_flag("--no-metadata", options->no_metadata,
                    "Do not prepare the metadata of its objects first");
  command->add_flag("-q,--quiet", options->quiet, "No progress");
  command->prefix_command(false);
  command->positionals_at_end(true);
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace allocs::tool
