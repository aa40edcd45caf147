// SPDX-License-Identifier: Apache-2.0
#include "runt/remote/child_process.h"

#include <fcntl.h>
#include <string.h>

#include <fstream>
#include <thread>

namespace allocs::runt::remote::testing {
namespace {

// A sanitizer's shadow makes a core of terabytes.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kCanDump = false;
#elif defined(__has_feature)
constexpr bool kCanDump = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
constexpr bool kCanDump = true;
#endif

std::atomic<int> g_parked;
ChildReport* g_report;

_Unwind_Reason_Code record(_Unwind_Context* context, void* into) {
  auto* report = static_cast<ThreadReport*>(into);
  if (report->frame_count == kMostFrames || _Unwind_GetIP(context) == 0) return _URC_END_OF_STACK;
  report->frames[report->frame_count++] = {_Unwind_GetIP(context), _Unwind_GetCFA(context)};
  return _URC_NO_REASON;
}

// Its frame is the first one of the report. It never returns, nor moves its stack pointer again.
[[gnu::noinline]] void park(ThreadReport& report) {
  _Unwind_Backtrace(record, &report);
  g_parked.fetch_add(1);
  while (g_parked.load() > 0) pause();  // for ever, as far as the compiler need know
}

[[gnu::noinline]] int descend(int depth, ThreadReport& report) {
  volatile char block[40];
  block[depth] = static_cast<char>(depth);
  if (depth == 0) {
    park(report);
    return 0;
  }
  return descend(depth - 1, report) + block[depth];
}

void run_thread(int index) {
  ThreadReport& report = g_report->threads[index];
  report.id = gettid();
  report.thread_pointer = reinterpret_cast<uint64_t>(__builtin_thread_pointer());
  descend(kDepth, report);
}

[[noreturn]] void run_child(int answer_to) {
  // The file system is shared with the parent: only the folder, which the parent chose before the fork, differs.
  ChildReport report;
  g_report = &report;
  auto* secret = static_cast<uint64_t*>(malloc(sizeof(uint64_t)));
  *secret = report.secret = 0x5EC2E7000000000 + static_cast<uint64_t>(getpid());
  report.secret_at = reinterpret_cast<uint64_t>(secret);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(run_thread, i);
  while (g_parked.load() != kThreads) usleep(1000);
  usleep(10'000);  // into pause()
  if (write(answer_to, &report, sizeof report) != static_cast<ssize_t>(sizeof report)) _exit(1);
  for (;;) pause();
}

}  // namespace

Child::Child() {
  char name[] = "/tmp/allocs_child_XXXXXX";
  folder_ = mkdtemp(name);
  int ends[2];
  if (pipe(ends) != 0) abort();
  pid_ = fork();
  if (pid_ == 0) {
    constexpr rlim_t kLargestCore = rlim_t{1} << 30;
    const rlimit limit{kCanDump ? kLargestCore : 0, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &limit);
    if (chdir(folder_.c_str()) != 0) _exit(1);
    run_child(ends[1]);
  }
  close(ends[1]);
  ChildReport report;
  if (read(ends[0], &report, sizeof report) != static_cast<ssize_t>(sizeof report)) abort();
  report_ = report;
  close(ends[0]);
}

Child::~Child() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  std::filesystem::remove_all(folder_);
}

std::filesystem::path Child::abort_with_core() {
  if (!kCanDump) return {};
  kill(pid_, SIGABRT);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  if (!WCOREDUMP(status)) return {};
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    if (entry.path().filename().string().starts_with("core")) return entry.path();
  }
  return {};
}

std::filesystem::path Child::gcore() const {
  if (!kCanDump) return {};
  const std::string prefix = (folder_ / "gcore").string();
  const std::string command =
      "gcore -o " + prefix + " " + std::to_string(pid_) + " >/dev/null 2>&1";
  if (system(command.c_str()) != 0) return {};
  const std::filesystem::path path = prefix + "." + std::to_string(pid_);
  return std::filesystem::exists(path) ? path : std::filesystem::path{};
}

}  // namespace allocs::runt::remote::testing
