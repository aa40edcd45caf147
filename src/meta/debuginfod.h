// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace allocs::meta {

// Who is told how it goes.
class DebuginfodListener {
 public:
  virtual ~DebuginfodListener() = default;
  // Some times a second while servers are asked for what belongs to `object`. `url`: of the server that answers, if one does; `total` bytes: 0 if
  // that is not known.
  virtual void fetching(const std::string& object, const char* url, long done, long total) = 0;
  // Once: why no further question will be asked.
  virtual void gave_up(const std::string& why) = 0;
};

// Debug files from the servers of $DEBUGINFOD_URLS, by way of libdebuginfod, which keeps what it has fetched in its own cache
// (debuginfod_find_debuginfo(3) has the variables that govern it). The library is loaded when first needed, and may be absent.
//
// A question may take as long as a network does, so this is for tools that a person waits for. Nothing that a program under liballocs waits
// for may have one: see docs/decisions/3_metadata_images.md. One thread at a time.
class Debuginfod {
 public:
  explicit Debuginfod(DebuginfodListener& listener) : listener_(listener) {}
  ~Debuginfod();
  Debuginfod(const Debuginfod&) = delete;
  Debuginfod& operator=(const Debuginfod&) = delete;

  // Does the environment name a server?
  static bool is_wanted();

  // The debug file of the build with that id, for `object`; nothing if no server has it or none can be asked. A server that cannot be
  // reached is not asked again, nor are the others: of many objects each would wait for its time-out.
  std::optional<std::filesystem::path> find(std::span<const std::uint8_t> build_id,
                                            const std::string& object);

 private:
  struct Library;
  bool open();
  void give_up(const std::string& why);

  DebuginfodListener& listener_;
  const Library* library_ = nullptr;
  void* client_ = nullptr;
  std::string object_;  // that is being asked for
  bool has_given_up_ = false;
};

}  // namespace allocs::meta
