// SPDX-License-Identifier: Apache-2.0
#include "toolchain/allocscc/site_verdict.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

#include "declarations/site_verdict.h"

namespace allocs::allocscc {

namespace {

void close_if_open(int& descriptor) {
  if (descriptor >= 0) ::close(std::exchange(descriptor, -1));
}

// The byte that arrives before `end` becomes readable; '\0': none does.
char read_before(int from, int end) {
  pollfd both[] = {{from, POLLIN, 0}, {end, POLLIN, 0}};
  while (::poll(both, 2, -1) < 0) {
    if (errno != EINTR) return '\0';
  }
  char byte = '\0';
  return both[0].revents != 0 && ::read(from, &byte, 1) == 1 ? byte : '\0';
}

}  // namespace

SiteVerdict::SiteVerdict(const std::string& unit) {
  ::unsetenv(declarations::kSiteVerdictPipe);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  from_ = ends[0];
  // Never one that programs believe to be standard input, output or messages.
  to_ = ::fcntl(ends[1], F_DUPFD, 3);
  ::close(ends[1]);
  const std::string told = std::to_string(to_) + declarations::kSiteVerdictUnit + unit;
  if (to_ >= 0) ::setenv(declarations::kSiteVerdictPipe, told.c_str(), 1);
}

SiteVerdict::~SiteVerdict() {
  close_if_open(from_);
  close_if_open(to_);
}

bool SiteVerdict::may_hold_sites(const toolsub::Process& gcc) {
  ::unsetenv(declarations::kSiteVerdictPipe);
  close_if_open(to_);
  int end = from_ < 0 ? -1 : gcc.open_end();
  if (end < 0) return true;
  const char verdict = read_before(from_, end);
  ::close(end);
  return verdict != declarations::kHoldsNoSite;
}

}  // namespace allocs::allocscc
