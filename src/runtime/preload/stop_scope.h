// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/raw_signal.h"
#include "runtime/preload/stop_report.h"
#include "runtime/self/stopped_threads.h"

namespace allocs::preload {

// Stops the others while it lives, if there are any and they are not stopped. Signals are only blocked then: until it is this thread's turn, another may stop it.
// Context: query.
class StopScope {
 public:
  // `signal` 0: there are no others. `is_prepared`: prepare_to_stop_others() was called.
  StopScope(int signal, unsigned timeout_ms, alloc_stop_report& report, bool is_prepared = false) {
    if (!self::have_stopped_others()) stop(signal, timeout_ms, report, is_prepared);
    if (error_ == ALLOC_OK) blocked_.emplace();
  }
  ~StopScope() {
    if (has_stopped_) self::resume_others();
  }
  StopScope(const StopScope&) = delete;
  StopScope& operator=(const StopScope&) = delete;
  int error() const { return error_; }
  bool can_be_tried_again() const { return has_stopped_; }

 private:
  void stop(int signal, unsigned timeout_ms, alloc_stop_report& report, bool is_prepared) {
    if (signal == 0) {
      const int others = self::count_others();
      error_ = others == 0 ? ALLOC_OK : others < 0 ? ALLOC_E_REFUSED : ALLOC_E_THREADS_RUN;
      return;
    }
    const self::StopOutcome outcome = self::stop_others(signal, timeout_ms, is_prepared);
    put_stop_report(outcome, report);
    error_ = outcome.error;
    has_stopped_ = error_ == ALLOC_OK;
  }

  bool has_stopped_ = false;
  int error_ = ALLOC_OK;
  std::optional<BlockedSignals> blocked_;
};

}  // namespace allocs::preload
