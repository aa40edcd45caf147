// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/objects_of_program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "elf/file.h"
#include "runtime/metadata/mapped_file.h"

namespace allocs::tool {

namespace fs = std::filesystem;

namespace {

bool is_program(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

// The interpreter that the first line "#! /path argument" names; empty if there is no such line.
fs::path script_interpreter(const fs::path& program) {
  std::ifstream file(program);
  char magic[2] = {};
  if (!file.read(magic, 2) || magic[0] != '#' || magic[1] != '!') return {};
  std::string line;
  std::getline(file, line);
  std::istringstream words(line);
  std::string interpreter, argument;
  words >> interpreter >> argument;
  if (fs::path(interpreter).filename() == "env" && !argument.empty() && argument[0] != '-')
    return find_program(argument);
  return interpreter;
}

fs::path dynamic_linker_of(const fs::path& program) {
  const auto file = metadata::map_file(program.c_str());
  if (!file) return {};
  fs::path found;
  const elf::File object(file->bytes, file->size);
  const auto header = object.header();
  for (std::size_t i = 0; header && i < header->e_phnum; ++i) {
    const auto segment = object.program_header(i);
    if (!segment || segment->p_type != PT_INTERP || segment->p_filesz == 0) continue;
    const std::byte* text = object.view(FileOffset{segment->p_offset}, segment->p_filesz);
    if (text != nullptr)
      found = std::string(reinterpret_cast<const char*>(text), segment->p_filesz - 1);
  }
  metadata::unmap(*file);
  return found;
}

// The output of `linker --list program`: lines like "libc.so.6 => /lib/libc.so.6 (0x7f...)", or "./libmine.so (0x7f...)" where the
// program says where it is.
std::string list_libraries(const fs::path& linker, const fs::path& program) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::string list_option = "--list", linker_text = linker.string(),
              program_text = program.string();
  char* arguments[] = {linker_text.data(), list_option.data(), program_text.data(), nullptr};
  pid_t child = 0;
  const int failed = posix_spawn(&child, linker.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string output;
  if (failed == 0) {
    char buffer[4096];
    for (ssize_t got; (got = read(ends[0], buffer, sizeof(buffer))) > 0;)
      output.append(buffer, static_cast<std::size_t>(got));
    waitpid(child, nullptr, 0);
  }
  close(ends[0]);
  return output;
}

}  // namespace

fs::path find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return is_program(name) ? fs::path(name) : fs::path();
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path candidate = fs::path(folder.empty() ? "." : folder) / name;
    if (is_program(candidate)) return candidate;
  }
  return {};
}

std::vector<fs::path> objects_of_program(const fs::path& program) {
  std::error_code error;
  fs::path object = program;
  if (const fs::path interpreter = script_interpreter(program); !interpreter.empty())
    object = interpreter;
  std::vector<fs::path> objects{fs::canonical(object, error)};
  if (error) return {};
  const fs::path linker = dynamic_linker_of(object);
  if (linker.empty()) return objects;
  std::istringstream lines(list_libraries(linker, objects.front()));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t arrow = line.find(" => ");
    const std::size_t from = arrow == std::string::npos ? line.find_first_not_of(" \t") : arrow + 4;
    const std::size_t end = line.rfind(" (0x");
    if (from == std::string::npos || end == std::string::npos || end < from) continue;
    const std::string path = line.substr(from, end - from);
    if (path.find('/') != std::string::npos) objects.emplace_back(path);
  }
  return objects;
}

}  // namespace allocs::tool
