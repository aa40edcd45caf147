// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>

#include "meta/debuginfod.h"

namespace allocs::tool {

// Says on the error stream what is being fetched, once that takes longer than two seconds: one line that is rewritten on a terminal, a line
// every ten seconds elsewhere. And why nothing is.
class FetchReport : public meta::DebuginfodListener {
 public:
  explicit FetchReport(bool quiet = false)
      : quiet_(quiet), is_terminal_(isatty(STDERR_FILENO) != 0) {}
  ~FetchReport() override { clear(); }
  FetchReport(const FetchReport&) = delete;
  FetchReport& operator=(const FetchReport&) = delete;

  void fetching(const std::string& object, const char* url, long done, long total) override {
    const auto now = Clock::now();
    if (object != object_) {
      clear();
      object_ = object;
      next_ = now + std::chrono::seconds(2);
    }
    if (quiet_ || now < next_) return;
    std::string how_much;
    constexpr long kMega = 1'000'000;
    if (done > 0) how_much = fmt::format(", {:.1f} MB", static_cast<double>(done) / kMega);
    if (done > 0 && total > 0)
      how_much += fmt::format(" of {:.1f}", static_cast<double>(total) / kMega);
    fmt::print(stderr, "{}allocs: asking {} for the debug information of {}{}{}",
               is_terminal_ ? "\r\x1b[K" : "", url == nullptr ? "debuginfod" : url,
               std::filesystem::path{object}.filename().string(), how_much,
               is_terminal_ ? "" : "\n");
    std::fflush(stderr);
    is_shown_ = true;
    next_ = now + (is_terminal_ ? std::chrono::milliseconds(200) : std::chrono::seconds(10));
  }

  void gave_up(const std::string& why) override {
    clear();
    fmt::print(stderr, "allocs: {}; going on with what is here\n", why);
  }

 private:
  using Clock = std::chrono::steady_clock;
  void clear() {
    if (is_shown_ && is_terminal_) fmt::print(stderr, "\r\x1b[K");
    is_shown_ = false;
  }

  bool quiet_;
  bool is_terminal_;
  bool is_shown_ = false;
  std::string object_;
  Clock::time_point next_{};
};

}  // namespace allocs::tool
