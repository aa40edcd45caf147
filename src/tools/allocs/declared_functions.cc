// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/declared_functions.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "elf/file.h"
#include "runtime/metadata/mapped_file.h"

namespace allocs::tool {

namespace {

using declarations::Declarations;

void add_file(const std::string& path, bool must_be_there, Declarations& declared) {
  const auto file = metadata::map_file(path.c_str());
  if (file) {
    declared.add_file(path, {reinterpret_cast<const char*>(file->bytes), file->size});
    metadata::unmap(*file);
  } else if (std::error_code error;
             must_be_there && !std::filesystem::is_regular_file(path, error)) {
    declared.add_missing(path);
  }
}

}  // namespace

Declarations declared_functions(const metadata::Places& places) {
  Declarations declared = Declarations::of_libraries();
  std::vector<std::string> files;
  places.for_each_configuration_file([&](const char* path) { files.emplace_back(path); });
  const bool is_named = places.is_first_named();
  for (std::size_t i = files.size(); i-- > 0;) add_file(files[i], i == 0 && is_named, declared);
  for (std::size_t i = 0; i < std::size(kDeclaringVariables); ++i) {
    const std::string_view name = kDeclaringVariables[i];
    const std::string_view variable = places.declaring_variable(i);
    declared.add_variable(name, declarations::kVariableRoles[i],
                          part_of(variable, name.size() + 1));
  }
  return declared;
}

std::filesystem::path program_of(const std::filesystem::path& object) {
  const auto file = metadata::map_file(object.c_str());
  if (!file) return {};
  bool is_program = false;
  const elf::File elf(file->bytes, file->size);
  for (std::size_t i = 0; const auto header = elf.program_header(i); ++i)
    is_program = is_program || header->p_type == PT_INTERP;
  metadata::unmap(*file);
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(object, error);
  return is_program && !error ? real : std::filesystem::path{};
}

}  // namespace allocs::tool
