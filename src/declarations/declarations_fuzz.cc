// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "declarations/declarations.h"

// The input is a configuration file, and the value of each variable. Each line or word is a declaration, a problem or nothing.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace allocs::declarations;
  const std::string_view text{reinterpret_cast<const char*>(bytes), size};
  std::size_t lines = 1;
  for (const char c : text) lines += c == '\n' ? 1 : 0;
  Declarations file;
  file.add_file("f", text);
  if (file.all().size() + file.problems().size() > lines) __builtin_trap();
  for (const Role role : {Role::allocates, Role::computes_size, Role::frees, Role::suballocates,
                          Role::takes_piece_back}) {
    Declarations variable;
    variable.add_variable("v", role, text);
    for (const auto& one : variable.all()) {
      if (one->name.empty() || one->unit < 1 || variable.find(one->name) == nullptr)
        __builtin_trap();
      if (one->size() >= static_cast<int>(one->parameters.size())) __builtin_trap();
    }
  }
  return 0;
}
