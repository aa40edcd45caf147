// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

// Running commands in another's place.
//
// A build system that stops a compiler must find what it would find without a wrapper between: the same exit status, the
// same death by a signal, no process left over, no temporary file. So
//   - a wrapper that has nothing to do afterwards becomes the compiler (become());
//   - otherwise, while it waits, signals that ask it to end do not end it. What the terminal sends, the children get too; what
//     another process sends it passes on (SignalGuard). It waits for them, and ends as they did (end_like()).
namespace allocs::toolsub {

struct Command {
  std::string program;             // the file to run
  std::vector<std::string> words;  // argv, with the name that the program sees as its own
};

// How a process ended.
struct Ending {
  int status = 0;  // as waitpid gives it
  bool is_success() const { return status == 0; }
};

// Becomes `command`. Returns only when that is not possible; errno says why.
void become(const Command& command);

// A shell's exit status for a program that cannot be run: 127 if it is not there, else 126.
int status_of_failed_start(int error);

// Ends this process by the same exit status or signal.
[[noreturn]] void end_like(const Ending& ending);

// While one lives, SIGINT, SIGTERM, SIGHUP and SIGQUIT do not end this process. Those that were ignored stay so.
// One at a time; single-threaded use.
class SignalGuard {
 public:
  SignalGuard();
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  // The last signal that came; 0 if none did.
  static int pending();
};

enum class Output {
  shared,     // standard input, output and error are this process's
  discarded,  // they are /dev/null
};

// A process that was started and is waited for: at the latest, after a SIGKILL, by the destructor.
class Process {
 public:
  Process() = default;
  ~Process();
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;

  // errno in `error` if it cannot be started.
  static Process start(const Command& command, Output output, int& error);
  bool is_started() const { return pid_ > 0; }
  // A new descriptor on which input can be polled for once the process has ended; -1: the kernel has none (before Linux 5.3).
  int open_end() const;
  // Waits. Of one that was not started: exit status 127.
  Ending wait();
  void kill();

 private:
  pid_t pid_ = -1;
};

// start() and wait(). Prints nothing; `error` as above.
Ending run(const Command& command, Output output, int& error);

}  // namespace allocs::toolsub
