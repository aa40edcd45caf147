// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <new>

#include "tools/allocs/doctor_command.h"
#include "tools/allocs/frames_command.h"
#include "tools/allocs/heap_command.h"
#include "tools/allocs/meta_command.h"
#include "tools/allocs/refs_command.h"
#include "tools/allocs/run_command.h"
#include "tools/allocs/what_command.h"

int main(int argc, char** argv) {
  CLI::App app{"liballocs: what is in a process's memory", "allocs"};
  app.set_version_flag("--version", "allocs " ALLOCS_VERSION);
  app.require_subcommand(1);
  app.footer("See allocs(1).");

  int status = 0;
  allocs::tool::add_run_command(app, status);
  allocs::tool::add_what_command(app, status);
  allocs::tool::add_frames_command(app, status);
  allocs::tool::add_heap_command(app, status);
  allocs::tool::add_refs_command(app, status);
  allocs::tool::add_meta_commands(app, status);
  allocs::tool::add_doctor_command(app, status);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::bad_alloc&) {
    std::fputs("allocs: there is not enough memory; see ulimit -v\n", stderr);
    return 2;
  }
  return status;
}
