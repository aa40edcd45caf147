// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/meta_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "elf/write/put_section.h"
#include "meta/build_metadata.h"
#include "meta/object_file.h"
#include "tools/allocs/cached_image.h"
#include "tools/allocs/declared_functions.h"
#include "tools/allocs/fetch_report.h"
#include "tools/allocs/image_provider.h"
#include "tools/allocs/meta_all_command.h"
#include "tools/allocs/meta_dump.h"
#include "tools/allocs/meta_macros_command.h"
#include "types/image_path.h"
#include "types/write/image_writer.h"

namespace allocs::tool {

namespace {

namespace fs = std::filesystem;

void print(const meta::Diagnostics& diag) {
  for (const std::string& message : diag.messages()) fmt::print(stderr, "{}\n", message);
  if (diag.left_out() != 0) fmt::print(stderr, "... and {} more of the kind\n", diag.left_out());
}

types::ObjectIdentity identity_of(const meta::ElfFile& object, std::uint64_t configuration) {
  return {.build_id = object.build_id(),
          .path = object.path(),
          .file_size = object.file_size(),
          .file_mtime_ns = object.file_mtime_ns(),
          .configuration = configuration};
}

// Is the image there of this object, whole, and no worse than what could be made now?
bool is_up_to_date(const fs::path& path, const types::ObjectIdentity& identity,
                   meta::Debuginfod& debuginfod) {
  const CachedImage found = examine_image(path, identity);
  if (found == CachedImage::poor)
    return !debuginfod.find(identity.build_id, std::string{identity.path});
  return found == CachedImage::good;
}

std::optional<std::vector<std::uint64_t>> read_image_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file || !fs::is_regular_file(path)) return std::nullopt;
  const auto size = static_cast<std::size_t>(file.tellg());
  std::vector<std::uint64_t> words((size + 7) / 8);
  file.seekg(0);
  file.read(reinterpret_cast<char*>(words.data()), static_cast<std::streamsize>(size));
  const bool is_image =
      size >= sizeof types::kImageMagic &&
      std::memcmp(words.data(), types::kImageMagic.data(), sizeof types::kImageMagic) == 0;
  return is_image ? std::optional{std::move(words)} : std::nullopt;
}

void dump(const types::Image& image, bool json) {
  if (json) {
    dump_json(image, stdout);
  } else {
    dump_text(image, stdout);
  }
}

}  // namespace

namespace {

// What is wrong with the user's declarations, and what has no effect. False if nothing should be made of them.
bool accept_declarations(const declarations::Declarations& declared,
                         const MetaBuildOptions& options) {
  if (!options.quiet) {
    for (const std::string& warning : declared.warnings()) fmt::print(stderr, "{}\n", warning);
  }
  for (const std::string& problem : declared.problems()) fmt::print(stderr, "{}\n", problem);
  return declared.problems().empty() || options.lenient;
}

int embed(const MetaBuildOptions& options, const declarations::Declarations& declared) {
  meta::Diagnostics diag;
  FetchReport report(options.quiet);
  meta::Debuginfod debuginfod(report);
  const std::vector<std::byte> image = meta::build_image({.object = options.object,
                                                          .output = {},
                                                          .for_embedding = true,
                                                          .declared = &declared,
                                                          .debuginfod = &debuginfod},
                                                         diag);
  if (!image.empty()) {
    const std::string problem =
        elf::write::put_section(options.object, {.name = ".allocs", .content = image});
    if (!problem.empty()) diag.error(problem, "name a file for the image with -o instead");
  }
  const bool failed = image.empty() || diag.has_errors();
  if (!options.quiet || failed) print(diag);
  return failed ? meta::kExitBadInput : meta::kExitOk;
}

}  // namespace

int run_meta_build(const MetaBuildOptions& options) {
  const ImageProvider images{program_of(options.object)};
  if (!accept_declarations(images.declared(), options)) return meta::kExitBadInput;
  if (options.embed) return embed(options, images.declared());
  meta::Diagnostics opening;  // says what reading says again
  const auto object = meta::ElfFile::open(options.object, opening);
  if (object == nullptr) {
    print(opening);
    return meta::kExitBadInput;
  }
  const types::ObjectIdentity identity = identity_of(*object, images.configuration());
  const fs::path output =
      options.output.empty() ? cache_path(images.cache(), identity) : options.output;
  if (output.empty()) {
    fmt::print(
        stderr,
        "{}: there is no cache directory; set HOME or XDG_CACHE_HOME, or name a file with -o\n",
        options.object.string());
    return meta::kExitBadInput;
  }
  meta::Diagnostics diag;
  FetchReport report(options.quiet);
  meta::Debuginfod debuginfod(report);
  const bool have_it =
      options.output.empty() && !options.no_cache && is_up_to_date(output, identity, debuginfod);
  const int status = have_it ? meta::kExitOk
                             : meta::build_metadata({.object = options.object,
                                                     .output = output,
                                                     .types_only = options.types_only,
                                                     .declared = &images.declared(),
                                                     .debuginfod = &debuginfod},
                                                    diag);
  if (!options.quiet || status != meta::kExitOk) print(diag);
  if (!options.quiet && status == meta::kExitOk) fmt::print("{}\n", output.string());
  return status;
}

namespace {

// Of an object's image that is made for the purpose and kept nowhere.
int dump_as_told_by(meta::SiteWitnesses witnesses, const MetaDumpOptions& options) {
  const ImageProvider images{program_of(options.input)};
  meta::Diagnostics diag;
  FetchReport report;
  meta::Debuginfod debuginfod(report);
  const std::vector<std::byte> bytes = meta::build_image({.object = options.input,
                                                          .output = {},
                                                          .witnesses = witnesses,
                                                          .declared = &images.declared(),
                                                          .debuginfod = &debuginfod},
                                                         diag);
  const auto image = types::Image::open(bytes.data(), bytes.size());
  if (!image) {
    print(diag);
    return meta::kExitBadInput;
  }
  dump(*image, options.json);
  return meta::kExitOk;
}

}  // namespace

int run_meta_dump(const MetaDumpOptions& options) {
  if (options.sites != meta::SiteWitnesses::all) return dump_as_told_by(options.sites, options);
  if (const auto words = read_image_file(options.input)) {
    const auto image =
        types::Image::open(reinterpret_cast<const std::byte*>(words->data()), words->size() * 8);
    if (!image || !image->content_is_intact()) {
      fmt::print(stderr,
                 "{}: is damaged, or of another version; make it anew with allocs meta build\n",
                 options.input.string());
      return meta::kExitBadInput;
    }
    dump(*image, options.json);
    return meta::kExitOk;
  }
  meta::Diagnostics diag;
  if (meta::ElfFile::open(options.input, diag) == nullptr) {
    print(diag);
    return meta::kExitBadInput;
  }
  FetchReport report;
  meta::Debuginfod debuginfod(report);
  ImageProvider provider{program_of(options.input), &debuginfod};
  const ProvidedImage provided = provider.image_of(options.input, {});
  if (!provided.image) {
    fmt::print(stderr, "{}; try allocs meta build\n", provided.problem);
    return meta::kExitBadInput;
  }
  dump(*provided.image, options.json);
  return meta::kExitOk;
}

void add_meta_commands(CLI::App& app, int& status) {
  CLI::App* group = app.add_subcommand("meta", "Make and look at metadata");
  group->require_subcommand(1);

  auto build_options = std::make_shared<MetaBuildOptions>();
  CLI::App* build =
      group->add_subcommand("build", "Make the metadata image of a program or library");
  build->add_option("object", build_options->object, "The program or library")->required();
  CLI::Option* output = build->add_option("-o,--output", build_options->output,
                                          "The file to write, instead of one in the user's cache");
  build
      ->add_flag("--embed", build_options->embed,
                 "Put it into the object itself, as section .allocs, which strip keeps")
      ->excludes(output);
  build
      ->add_flag("--types-only", build_options->types_only,
                 "Leave out variables, functions and allocation sites; with --output")
      ->needs(output);
  build->add_flag("--no-cache", build_options->no_cache, "Make it even if the cache has it");
  build
      ->add_flag("--lenient", build_options->lenient,
                 "Pass over declarations of functions that are malformed")
      ->group("");
  build->add_flag("-q,--quiet", build_options->quiet, "Say nothing but errors");
  build->callback([build_options, &status] { status = run_meta_build(*build_options); });

  add_meta_all_command(*group, status);
  add_meta_macros_command(*group, status);

  auto dump_options = std::make_shared<MetaDumpOptions>();
  CLI::App* dump = group->add_subcommand("dump", "Print what an image says");
  dump->add_option("input", dump_options->input, "A program, a library or an image")->required();
  dump->add_flag("--json", dump_options->json, "JSON instead of text");
  const std::map<std::string, meta::SiteWitnesses> witnesses{
      {"all", meta::SiteWitnesses::all},
      {"told", meta::SiteWitnesses::compilers},
      {"inferred", meta::SiteWitnesses::code}};
  dump->add_option("--sites", dump_options->sites,
                   "Types of allocation sites by one witness alone: what compilers told, or what "
                   "is inferred from the code")
      ->transform(CLI::CheckedTransformer(witnesses))
      ->option_text("all|told|inferred");
  dump->callback([dump_options, &status] { status = run_meta_dump(*dump_options); });
}

}  // namespace allocs::tool
