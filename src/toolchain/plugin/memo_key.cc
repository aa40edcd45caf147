// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/memo_key.h"

#include <elf.h>
#include <llvm/ADT/SmallString.h>
#include <llvm/Support/FileSystem.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <ctime>

#include "elf/build_id.h"
#include "types/image_path.h"

namespace allocs::plugin {

namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// This program is linked where it runs.
std::optional<elf::BuildId> own_build_id() {
  const elf::ProgramHeaders headers{Address{::getauxval(AT_PHDR)}, ::getauxval(AT_PHNUM)};
  if (headers.at == Address{}) return std::nullopt;
  return elf::find_build_id(TrustedMemory{}, headers, LoadBias{0});
}

}  // namespace

std::string memo_directory(std::string_view name) {
  if (environment("ALLOCSCC_MEMO") == "never") return {};
  char path[PATH_MAX];
  TextWriter text(path, sizeof(path));
  const std::string_view cache = environment("XDG_CACHE_HOME");
  const std::string_view home = environment("HOME");
  types::put_user_cache(text, cache, home);
  if (text.length() == 0 || path[0] != '/') return {};
  // Builds are told of homes that there are not, so as to leave nothing there.
  if (!cache.starts_with('/') && ::access(std::string(home).c_str(), F_OK) != 0) return {};
  text.put("/");
  text.put(name);
  return text.fits() ? path : std::string{};
}

std::optional<Hash128> memo_key(std::span<const std::string_view> words, std::uint64_t declared) {
  Hasher hasher;
  const auto build_id = own_build_id();
  if (!build_id) return std::nullopt;
  hasher.add(std::string_view(reinterpret_cast<const char*>(build_id->bytes), build_id->size));
  hasher.add(declared);
  // The first is what relative paths are relative to, the second, which may lead there through links, is in the list.
  char working_directory[PATH_MAX];
  if (::getcwd(working_directory, sizeof(working_directory)) == nullptr) return std::nullopt;
  hasher.add(std::string_view(working_directory));
  llvm::SmallString<PATH_MAX> called;
  if (llvm::sys::fs::current_path(called)) return std::nullopt;
  hasher.add(std::string_view(called.data(), called.size()));
  for (const std::string_view word : words) {
    if (word.ends_with("=native")) return std::nullopt;  // the processor's properties
    hasher.add(word);
  }
  return hasher.finish();
}

std::uint64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace allocs::plugin
