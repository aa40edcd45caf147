// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>

namespace allocs::tool {

// Says on the error stream what is being done, once the whole takes longer than half a second: one line with a bar that is rewritten on a terminal,
// a line every two seconds elsewhere.
class Progress {
 public:
  Progress(std::string what, std::size_t total, bool quiet)
      : what_(std::move(what)),
        total_(total),
        quiet_(quiet),
        is_terminal_(isatty(STDERR_FILENO) != 0) {}
  ~Progress() {
    if (shown_ && is_terminal_) fmt::print(stderr, "\r\x1b[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void step(const std::string& item) {
    ++done_;
    const auto now = Clock::now();
    const auto since = shown_ ? now - last_ : now - start_;
    const auto pause = !shown_ ? std::chrono::milliseconds(500)
                               : std::chrono::milliseconds(is_terminal_ ? 100 : 2000);
    if (quiet_ || since < pause) return;
    if (is_terminal_) {
      fmt::print(stderr, "\r\x1b[K{}", line(item, width_of_terminal()));
    } else {
      fmt::print(stderr, "allocs: {} {}/{} {}\n", what_, done_, total_, item);
    }
    std::fflush(stderr);
    shown_ = true;
    last_ = now;
  }

 private:
  // With a bar, and no longer than the terminal is wide: what wraps cannot be taken back.
  std::string line(const std::string& item, std::size_t width) const {
    constexpr std::size_t kBar = 20;
    const std::size_t full = total_ == 0 ? 0 : kBar * std::min(done_, total_) / total_;
    std::string text = fmt::format("allocs: {} [{:#<{}}{:<{}}] {}/{} {}", what_, "", full, "",
                                   kBar - full, done_, total_, item);
    if (text.size() >= width) text.resize(width - 1);
    return text;
  }
  static std::size_t width_of_terminal() {
    winsize size{};
    const bool is_told = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    return is_told ? size.ws_col : 80;
  }

  using Clock = std::chrono::steady_clock;
  std::string what_;
  std::size_t total_;
  std::size_t done_ = 0;
  bool quiet_;
  bool is_terminal_;
  bool shown_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_;
};

}  // namespace allocs::tool
