// SPDX-License-Identifier: Apache-2.0
#include "runtime/self/statistics.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include <cstring>

#include "base/environment.h"
#include "base/every_process.h"
#include "base/raw_syscall.h"
#include "base/text_writer.h"
#include "runtime/index/tables.h"
#include "runtime/index/word.h"
#include "runtime/query/allocator_names.h"
#include "runtime/self/memory.h"

namespace allocs::self {

constinit Statistics g_statistics;

namespace {

constexpr std::string_view kDefaultFile = "allocs-stats.%p";
// Texts in place, not pointers to them, which the loader would have to relocate in every process.
constexpr char kQuestions[][16] = {"allocator", "base",         "size", "type",       "site",
                                   "query",     "query_nowait", "path", "description"};
static_assert(std::size(kQuestions) == static_cast<std::size_t>(Question::count_));

// In the order of enum alloc_error.
constexpr char kReasons[][16] = {"known",     "nothing_there", "no_metadata",   "not_yet",
                                 "no_type",   "unindexed",     "being_resized", "other_thread",
                                 "no_unwind", "conflict",      "no_runtime",    "no_memory",
                                 "invalid"};

void increment(std::uint64_t& counter) { __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED); }
std::uint64_t now(const std::uint64_t& counter) {
  return __atomic_load_n(&counter, __ATOMIC_RELAXED);
}

class Lines {
 public:
  explicit Lines(TextWriter& out) : out_(out) {}
  // Counters that stand at zero are left out of groups: `group` is empty for single values, which are always told.
  void put(std::string_view group, std::string_view name, std::uint64_t value) {
    if (!group.empty() && value == 0) return;
    out_.put(group).put(group.empty() ? "" : ".");
    for (const char c : name) out_.put(c == ' ' ? '_' : c);
    out_.put(' ').decimal(value).put('\n');
  }

 private:
  TextWriter& out_;
};

void put_index(Lines& lines) {
  const index::Root& root = allocators::g_root;
  const TrustedMemory memory;
  std::uint64_t own_bytes = 0;
  index::for_each_own_range(memory, root, [&](AddressRange range) { own_bytes += range.size(); });
  std::uint64_t leaves = 0;
  const auto* const directory =
      reinterpret_cast<const std::uint64_t*>(raw(index::load_relaxed(root.directory)));
  for (std::uint64_t region = 0; directory != nullptr && region < index::kRegionCount; ++region)
    leaves += index::load_relaxed(directory[region]) != 0;
  lines.put("", "heap_regions", leaves);
  lines.put("", "own_address_space_bytes", own_bytes);
  lines.put("", "sites", index::load_relaxed(root.site_count));
  lines.put("", "modules_seen", root.module_count);
  lines.put("", "threads_seen", root.thread_count);
  const index::Counters& counters = root.counters;
  lines.put("trouble", "blocks_without_leaf", now(counters.blocks_without_leaf));
  lines.put("trouble", "blocks_misaligned", now(counters.blocks_misaligned));
  lines.put("trouble", "sites_full", now(counters.sites_full));
  lines.put("trouble", "sites_unattributed", now(counters.sites_unattributed));
  lines.put("trouble", "modules_full", now(counters.modules_full));
  lines.put("trouble", "threads_full", now(counters.threads_full));
  lines.put("trouble", "own_memory_failed", now(counters.own_memory_failed));
  lines.put("trouble", "flux_overflowed", now(counters.flux_overflowed));
}

void write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const auto written = raw_syscall(SYS_write, file, text.data(), text.size());
    if (!written.ok() || written.value == 0) return;
    text.remove_prefix(static_cast<std::size_t>(written.value));
  }
}

}  // namespace

[[ALLOCS_ONCE]] void Statistics::open(const char* const* environment) {
  bool is_wanted = false;
  std::string_view file = kDefaultFile;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    if (**environment != 'A') continue;
    if (const char* value = value_of_variable(*environment, "ALLOCS_STATS"))
      is_wanted = value[0] != '\0' && std::string_view(value) != "0";
    if (const char* value = value_of_variable(*environment, "ALLOCS_STATS_FILE")) file = value;
  }
  if (!is_wanted || file.empty() || file.size() >= kLongestPath) return;
  auto* const kept = static_cast<char*>(allocate(file.size() + 1));
  if (kept == nullptr) return;
  std::memcpy(kept, file.data(), file.size());
  file_ = kept;
  is_on_ = true;
  take_long_road();
}

void Statistics::add(Question question, query::Allocator allocator, int error, int type_error) {
  increment(questions_[static_cast<std::size_t>(question)]);
  increment(answers_[static_cast<std::size_t>(allocator)]);
  if (error <= 0 && error >= ALLOC_E_INVALID) increment(errors_[-error]);
  const bool gives_type = question >= Question::everything || question == Question::type;
  if (gives_type && error == ALLOC_OK && type_error <= 0 && type_error >= ALLOC_E_INVALID)
    increment(type_errors_[-type_error]);
}

void Statistics::put_file_name(TextWriter& out) const {
  for (const char* at = file_; *at != '\0'; ++at) {
    if (at[0] == '%' && at[1] == 'p') {
      out.decimal(static_cast<std::uint64_t>(raw_syscall(SYS_getpid).value));
      ++at;
    } else {
      out.put(*at);
    }
  }
}

void Statistics::close() const {
  if (!is_on_) return;
  char text[4096];
  TextWriter out(text, sizeof(text));
  Lines lines(out);
  for (std::size_t i = 0; i < std::size(questions_); ++i)
    lines.put("asked", kQuestions[i], now(questions_[i]));
  for (std::size_t i = 0; i < std::size(answers_); ++i)
    lines.put("answered_by", query::kAllocatorRows[i].name, now(answers_[i]));
  for (std::size_t i = 0; i < kErrors; ++i) lines.put("outcome", kReasons[i], now(errors_[i]));
  for (std::size_t i = 0; i < kErrors; ++i)
    lines.put("type_outcome", kReasons[i], now(type_errors_[i]));
  put_index(lines);

  char path[kLongestPath + 32];
  TextWriter name(path, sizeof(path));
  put_file_name(name);
  const auto file =
      raw_syscall(SYS_open, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
  if (!file.ok()) return;
  write_all(static_cast<int>(file.value), out.text());
  raw_syscall(SYS_close, file.value);
}

}  // namespace allocs::self
