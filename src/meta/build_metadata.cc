// SPDX-License-Identifier: Apache-2.0
#include "meta/build_metadata.h"

#include <algorithm>
#include <type_traits>

#include "elf/content_hash.h"
#include "meta/beside.h"
#include "meta/call_frames.h"
#include "meta/code_scan.h"
#include "meta/constants.h"
#include "meta/containers.h"
#include "meta/dwarf_facts.h"
#include "meta/heap_of_build.h"
#include "meta/jump_tables.h"
#include "meta/linkage.h"
#include "meta/literals.h"
#include "meta/object_file.h"
#include "meta/sites.h"
#include "meta/statics.h"
#include "meta/virtual_tables.h"
#include "types/write/image_writer.h"
#include "types/write/merge_types.h"
#include "types/write/object_model.h"

namespace allocs::meta {

namespace {

// Embedding changes size and time, and so does strip. What is loaded stays.
void identify_by_content(const ElfFile& object, types::ObjectModel& model) {
  std::size_t size = 0;
  const char* bytes = elf_rawfile(object.elf(), &size);
  const elf::File file(reinterpret_cast<const std::byte*>(bytes), bytes == nullptr ? 0 : size);
  if (const auto hash = elf::hash_of_loaded_content(file)) {
    model.file_size = hash->low;
    model.file_mtime_ns = hash->high;
    model.flags |= types::kImageKnownByContent;
  }
}

void identify(const ObjectFiles& files, const Options& options, types::ObjectModel& model) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(files.object->path(), error);
  model.object_path = error ? files.object->path() : real.string();
  if (files.debug) model.debug_path = files.debug->path();
  model.build_id.assign(files.object->build_id().begin(), files.object->build_id().end());
  model.file_size = files.object->file_size();
  model.file_mtime_ns = files.object->file_mtime_ns();
  if (options.for_embedding && model.build_id.empty()) identify_by_content(*files.object, model);
  if (files.has_symtab) model.flags |= types::kImageHasSymbolTable;
}

void lay_out(const ElfFile& object, types::ObjectModel& model) {
  for (const Segment& segment : object.segments()) {
    if (segment.type == PT_LOAD)
      model.segments.push_back({segment.address, segment.memory_size, 0, segment.flags});
  }
  for (const Section& section : object.sections()) {
    const bool is_tbss = section.type == SHT_NOBITS && (section.flags & SHF_TLS) != 0;
    if ((section.flags & SHF_ALLOC) == 0 || section.size == 0 || is_tbss) continue;
    model.sections.push_back({section.address, section.size, model.strings.add(section.name),
                              static_cast<std::uint32_t>(section.flags)});
  }
  const auto by_address = [](const auto& a, const auto& b) { return a.address < b.address; };
  std::stable_sort(model.segments.begin(), model.segments.end(), by_address);
  std::stable_sort(model.sections.begin(), model.sections.end(), by_address);
}

// Where functions begin, and the parts of those that are split: sorted, without repetition.
std::vector<std::uint64_t> function_starts(const Linkage& linkage, const DwarfFacts& facts) {
  std::vector<std::uint64_t> starts = linkage.function_starts();
  for (const FunctionDraft& function : facts.functions) {
    starts.push_back(function.entry);
    for (std::uint32_t i = 0; i < function.range_count; ++i)
      starts.push_back(facts.ranges[function.first_range + i].low);
  }
  std::sort(starts.begin(), starts.end());
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  return starts;
}

const declarations::Declarations& declarations_of(const Options& options) {
  static const declarations::Declarations built_in = declarations::Declarations::of_libraries();
  return options.declared == nullptr ? built_in : *options.declared;
}

// Every type has exactly one node then, hashed and named; further ones are only derived from them. Returns which node each type that was read has become.
std::vector<types::TypeIndex> take_types(DwarfFacts& facts, types::ObjectModel& model) {
  types::MergedTypes merged = types::merge_equal_types(facts.types, model.strings);
  facts.types = {};
  model.types =
      types::TypeGraph{model.strings, std::move(merged.tables), std::move(merged.aliases)};
  return std::move(merged.index_of);
}

// Of what is in the model now: its memory serves for what is read of the code.
void forget_variables(DwarfFacts& facts) {
  const auto release = [](auto& list) { list = std::remove_reference_t<decltype(list)>(); };
  release(facts.statics);
  release(facts.functions);
  release(facts.ranges);
  release(facts.variables);
  release(facts.pieces);
  release(facts.counts);
}

// False if there is no such object.
bool fill(types::ObjectModel& model, const Options& options, Diagnostics& diag) {
  const ObjectFiles files = open_object_files(options.object, diag, options.debuginfod);
  if (files.object == nullptr) return false;
  identify(files, options, model);
  lay_out(*files.object, model);

  CallFrames frames{files};
  DwarfFacts facts = read_debug_information(files, {options.types_only, options.fold_after}, frames,
                                            model.strings, diag);
  if (facts.tells_something || facts.types.types.size() > 1)
    model.flags |= types::kImageHasDebugInformation;
  // The entries of the debug information are not read below this line.
  if (options.types_only) {
    take_types(facts, model);
    return true;
  }

  // What is done beside this thread reads the code alone and shares nothing with it but `files`, `linkage`, `starts` and
  // `scan`, which no longer change.
  const Linkage linkage{files};
  const std::vector<std::uint64_t> starts = function_starts(linkage, facts);
  auto scanning = beside([&] { return scan_code(*files.object, linkage, starts); });

  const std::vector<types::TypeIndex> index_of = take_types(facts, model);
  collect_functions(facts, index_of, model);
  collect_statics(files, facts, index_of, model);
  // Functions are final, and sorted; passes over the code only add to what is there.
  add_containers(declarations_of(options).containers(), declarations::containers_of_libraries(),
                 model);

  forget_variables(facts);
  const VirtualTables virtual_tables{files, linkage, model.types, model.strings};
  model.virtual_tables = virtual_tables.records(model.types, model.strings);

  const CodeScan scan = scanning.get();
  auto tables = beside([&] { return find_jump_tables(*files.object, linkage, scan, starts); });
  read_allocation_sites(files, linkage, scan, frames, virtual_tables, facts, index_of,
                        declarations_of(options), options.witnesses, model, diag);
  add_jump_tables(tables.get(), model);
  add_constants(*files.object, scan, model);
  read_string_literals(files, linkage, scan, model);
  return true;
}

}  // namespace

std::vector<std::byte> build_image(const Options& options, Diagnostics& diag) {
  prepare_heap_of_build();
  types::ObjectModel model;
  if (!fill(model, options, diag)) return {};
  // Nothing of the object is in memory any more but what the model has.
  return types::encode_image(model);
}

int build_metadata(const Options& options, Diagnostics& diag) {
  const std::vector<std::byte> image = build_image(options, diag);
  if (image.empty()) return kExitBadInput;
  const std::string problem = types::store_image(options.output, image);
  if (!problem.empty()) diag.error(problem, "name another file with -o");
  return diag.has_errors() ? kExitBadInput : kExitOk;
}

}  // namespace allocs::meta
