// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "meta/build_metadata.h"
#include "types/image.h"

// For tests: a small program, compiled in every way that matters, and the image that is made of it.
namespace allocs::meta {

struct Compilation {
  std::string command;  // compiler and flags
};

// Every compiler that is installed, with -O0 to -O3; at -O2 position-independent and not, and with the ways of calling other objects. With
// ALLOCS_TEST_SIZE=all, or where the test wants it, so at every level, which takes twice the time.
inline bool is_large_test() {
  const char* size = std::getenv("ALLOCS_TEST_SIZE");
  return size != nullptr && std::string_view(size) == "all";
}
inline std::vector<Compilation> all_compilations(bool is_cxx, bool is_whole = is_large_test()) {
  std::vector<Compilation> all;
  for (const char* compiler : {"gcc", "clang-14", "clang-19"}) {
    std::string name = compiler;
    if (is_cxx) name = name == "gcc" ? "g++" : "clang++" + name.substr(5);
    if (std::system(("command -v " + name + " >/dev/null").c_str()) != 0) continue;
    for (const std::string_view level : {"-O0", "-O1", "-O2", "-O3"}) {
      for (const std::string_view kind :
           {"-fPIE -pie", "-fno-PIE -no-pie", "-fPIC -shared -fno-plt"}) {
        if (!is_whole && level != "-O2" && kind != "-fPIE -pie") continue;
        all.push_back({name + " -g " + std::string(level) + " " + std::string(kind)});
      }
    }
  }
  return all;
}

class CompiledSubject {
 public:
  CompiledSubject(const Compilation& compilation, std::string_view source, bool is_cxx) {
    char folder[] = "/tmp/allocs_subject_XXXXXX";
    folder_ = mkdtemp(folder);
    const std::string name = folder_ / (is_cxx ? "subject.cc" : "subject.c");
    std::ofstream{name} << source;
    object_ = folder_ / "subject";
    const std::string command = compilation.command + " -w -o " + object_.string() + " " + name;
    is_compiled_ = std::system(command.c_str()) == 0;
  }
  ~CompiledSubject() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  CompiledSubject(const CompiledSubject&) = delete;
  CompiledSubject& operator=(const CompiledSubject&) = delete;

  bool is_compiled() const { return is_compiled_; }
  const std::filesystem::path& object() const { return object_; }

  // Valid until the next call; nothing if the metadata compiler failed.
  std::optional<types::Image> image(SiteWitnesses witnesses = SiteWitnesses::all) {
    Diagnostics diag;
    bytes_ = build_image({.object = object_, .output = {}, .witnesses = witnesses}, diag);
    return types::Image::open(bytes_.data(), bytes_.size());
  }

 private:
  std::filesystem::path folder_;
  std::filesystem::path object_;
  std::vector<std::byte> bytes_;
  bool is_compiled_ = false;
};

// How many answers were right, wrong and missing.
struct Tally {
  int right = 0;
  int wrong = 0;
  int cannot_tell = 0;
};

}  // namespace allocs::meta
