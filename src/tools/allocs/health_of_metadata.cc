// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "runtime/metadata/mapped_file.h"
#include "tools/allocs/health.h"
#include "tools/allocs/image_provider.h"
#include "tools/allocs/objects_of_program.h"
#include "types/image.h"
#include "types/image_format.h"

namespace allocs::tool {

namespace {

namespace fs = std::filesystem;

struct Census {
  std::size_t images = 0;
  std::uintmax_t bytes = 0;
  std::size_t unusable = 0;   // of another version, damaged
  std::size_t untrusted = 0;  // somebody else could have written them
};

Census count_images(const fs::path& cache) {
  Census census;
  std::error_code error;
  for (auto at = fs::recursive_directory_iterator(
           cache, fs::directory_options::skip_permission_denied, error);
       !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (at->path().extension() != ".meta" || !at->is_regular_file(error)) continue;
    const auto file = metadata::map_file(at->path().c_str());
    if (!file) continue;
    ++census.images;
    census.bytes += file->size;
    if (!metadata::is_trustworthy(*file)) {
      ++census.untrusted;
    } else if (!types::Image::open(file->bytes, file->size)) {
      ++census.unusable;
    }
    metadata::unmap(*file);
  }
  return census;
}

Diagnosis examine_cache(const fs::path& cache) {
  Diagnosis result{.subject = "cache", .health = Health::limited, .finding = {}, .advice = {}};
  if (cache.empty()) {
    result.finding = "there is no place for it: neither XDG_CACHE_HOME nor HOME is set";
    result.advice = "set one of them, or images are made anew for each process";
    return result;
  }
  std::error_code error;
  fs::create_directories(cache, error);
  struct stat status;
  if (stat(cache.c_str(), &status) != 0 || access(cache.c_str(), W_OK | X_OK) != 0) {
    result.finding = fmt::format("{}: {}", cache.string(), std::strerror(errno));
    result.advice = "make it writable for this user, or set XDG_CACHE_HOME to a directory that is";
    return result;
  }
  if ((status.st_uid != geteuid() && status.st_uid != 0) || (status.st_mode & S_IWOTH) != 0) {
    result.finding = cache.string() + ": others can write to it";
    result.advice = "chmod go-w it: images that others could have written are not believed";
    return result;
  }
  const Census census = count_images(cache);
  result.finding = fmt::format("{}: {} images, {} KiB", cache.string(), census.images,
                               (census.bytes + 1023) / 1024);
  if (census.untrusted != 0) {
    result.finding += fmt::format(", {} that others could have written", census.untrusted);
    result.advice = "remove those, they are not believed: find " + cache.string() + " -perm /022";
  } else if (census.unusable != 0) {
    result.health = Health::good;
    result.finding += fmt::format(", {} of another version of liballocs", census.unusable);
    result.advice =
        "they are made anew when they are needed; the directory may be emptied at any time";
  } else {
    result.health = Health::good;
  }
  return result;
}

// The C library is in every process, so it stands for how well the system's libraries are known.
Diagnosis examine_c_library() {
  Diagnosis result{
      .subject = "debug information", .health = Health::limited, .finding = {}, .advice = {}};
  fs::path library;
  for (const fs::path& object : objects_of_program("/proc/self/exe")) {
    if (object.filename().string().starts_with("libc.so")) library = object;
  }
  if (library.empty()) {
    result.finding = "not looked at: this tool's C library was not found";
    return result;
  }
  ImageProvider images;
  const ProvidedImage provided = images.image_of(library, {});
  if (!provided.image) {
    result.health = Health::broken;
    result.finding = provided.problem;
    result.advice = "try: allocs meta build -o /dev/null " + library.string();
  } else if ((provided.image->header().flags & types::kImageHasDebugInformation) == 0) {
    result.finding =
        "the C library has none here: its functions and variables have names, but no types";
    result.advice = "install it, for instance: apt-get install libc6-dbg";
    if (meta::Debuginfod::is_wanted())
      result.advice += "; or have it fetched: allocs meta build " + library.string();
  } else {
    result.health = Health::good;
    result.finding = fmt::format(
        "found for the C library: {} types, {} functions", provided.image->types().size(),
        provided.image->table<types::FunctionRecord>(types::Table::functions).size());
  }
  return result;
}

}  // namespace

std::vector<Diagnosis> examine_metadata() {
  return {examine_cache(ImageProvider{}.cache()), examine_c_library()};
}

}  // namespace allocs::tool
