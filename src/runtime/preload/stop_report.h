// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "allocs/stop.h"
#include "runtime/self/stopped_threads.h"

namespace allocs::preload {

inline void put_stop_report(const self::StopOutcome& outcome, alloc_stop_report& report) {
  report = {.threads = outcome.threads,
            .thread = outcome.thread,
            .reason = outcome.reason,
            .reserved = {}};
}

}  // namespace allocs::preload
