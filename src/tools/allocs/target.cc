// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/target.h"

#include <charconv>
#include <cstdlib>

namespace allocs::tool {

types::TypeMemory tool_type_memory() {
  return {.allocate = [](std::size_t size) { return std::calloc(1, size); }};
}
types::ScratchMemory tool_scratch_memory() {
  return {.take = [](std::size_t size) { return std::calloc(1, size); },
          .give_back = [](void* memory, std::size_t) { std::free(memory); }};
}

std::optional<std::uint64_t> parse_address(std::string_view text) {
  const bool has_prefix = text.starts_with("0x") || text.starts_with("0X");
  if (has_prefix) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

int say_not_an_address(std::string_view text) {
  fmt::print(stderr, "allocs: {}: not an address; write it in hexadecimal, like 0x7ffd12345678\n",
             text);
  return kExitUnreadable;
}

std::optional<int> parse_process_number(const std::string& target) {
  int pid = 0;
  const auto [end, parsed] = std::from_chars(target.data(), target.data() + target.size(), pid);
  const bool is_number = parsed == std::errc() && end == target.data() + target.size();
  std::error_code error;
  if (!is_number || std::filesystem::exists(target, error)) return std::nullopt;
  return pid;
}

int say_failure(const runt::remote::Failure& failure) {
  fmt::print(stderr, "allocs: {}\n", failure.text);
  return kExitUnreadable;
}

// The ranges of a core with the names of the files that were mapped there.
std::vector<runt::Mapping> mappings_of(const runt::remote::CoreMemory& core) {
  std::vector<runt::Mapping> mappings;
  for (const AddressRange& range : core.mapped_ranges()) {
    runt::Mapping& mapping = mappings.emplace_back();
    mapping.range = range;
    std::string name;
    for (const auto& file : core.file_mappings()) {
      if (file.range.contains(range.begin)) name = core.files()[file.file].path;
    }
    if (name.empty() && range.contains(core.auxiliary_vector().random_bytes)) name = "[stack]";
    mapping.name_was_cut = name.size() >= sizeof(mapping.name);
    name.copy(mapping.name, sizeof(mapping.name) - 1);
  }
  return mappings;
}

}  // namespace allocs::tool
