// SPDX-License-Identifier: Apache-2.0
#include "meta/standard_library_code.h"

#include <algorithm>

namespace allocs::meta {

namespace {

bool is_in(const std::vector<PcRange>& code, std::uint64_t at) {
  return std::any_of(code.begin(), code.end(),
                     [&](const PcRange& one) { return at >= one.low && at < one.high; });
}

// From their entries in .init_array to the next function that is known.
std::vector<PcRange> static_constructors(const ElfFile& object, const Linkage& linkage) {
  std::vector<std::uint64_t> starts = linkage.function_starts(), constructors;
  for (const Section& section : object.sections()) {
    if (section.name != ".init_array") continue;
    for (const DataPointer& pointer : linkage.data_pointers()) {
      if (pointer.at - section.address < section.size) constructors.push_back(pointer.target);
    }
  }
  starts.insert(starts.end(), constructors.begin(), constructors.end());
  std::sort(starts.begin(), starts.end());
  std::vector<PcRange> code;
  for (const std::uint64_t low : constructors) {
    const auto after = std::upper_bound(starts.begin(), starts.end(), low);
    if (after != starts.end()) code.push_back({low, *after});
  }
  return code;
}

}  // namespace

void StandardLibraryCode::find(const ElfFile& object, std::string_view soname,
                               const Linkage& linkage, const types::ObjectModel& model) {
  constexpr std::string_view kString = "_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE";
  constexpr std::string_view kFileBuffer = "_ZNSt13basic_filebufIcSt11char_traitsIcEE";
  for (const types::StaticRecord& record : model.statics) {
    if (record.kind != types::StaticKind::function) continue;
    const types::StringRef symbol = record.linkage_name != 0 ? record.linkage_name : record.name;
    const std::string_view name = model.strings[symbol];
    const bool is_stream_buffer = soname == "libc.so.6" && (name == "_IO_file_doallocate" ||
                                                            name == "__GI__IO_file_doallocate");
    if (name.starts_with(kString) || name.starts_with(kFileBuffer) || is_stream_buffer)
      members_.push_back({record.address, record.address + record.size});
  }
  if (soname == "libstdc++.so.6") constructors_ = static_constructors(object, linkage);
}

bool StandardLibraryCode::asks_for_bytes(std::uint64_t at, std::string_view callee) const {
  return is_in(members_, at) || (callee == "malloc" && is_in(constructors_, at));
}

}  // namespace allocs::meta
