// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "toolchain/toolsub/process.h"

namespace allocs::allocscc {

// Asks our plugin in gcc whether the unit that it compiles may hold an allocation site (declarations/site_verdict.h): a third of units have none, and clang need not
// read these. The answer comes when gcc has parsed the unit, long before it is done.
//
//   SiteVerdict verdict(unit);  start gcc;  if (verdict.may_hold_sites(gcc)) start clang;  wait for both
class SiteVerdict {
 public:
  // What is started from here on has the pipe, until may_hold_sites(). `unit`: the source as gcc is given it.
  explicit SiteVerdict(const std::string& unit);
  ~SiteVerdict();
  SiteVerdict(const SiteVerdict&) = delete;
  SiteVerdict& operator=(const SiteVerdict&) = delete;

  // Waits for the answer. True as well if there will be none: no such plugin, another process in between that keeps the pipe, or gcc has ended.
  bool may_hold_sites(const toolsub::Process& gcc);

 private:
  int from_ = -1, to_ = -1;
};

}  // namespace allocs::allocscc
