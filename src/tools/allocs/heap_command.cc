// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/heap_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "tools/allocs/heap_census.h"
#include "tools/allocs/target.h"

namespace allocs::tool {

namespace {

struct HeapOptions {
  std::string target;
  bool by_type = false;
  std::size_t top = 30;
  double seconds = 0;  // 0: what is there now, else what is added meanwhile
  bool json = false;
};

// 1234 B, 1.2 MiB: three digits that mean something.
std::string bytes_text(std::int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (std::abs(value) >= 10000 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string place_text(const SitePlace& place) {
  std::string text = place.function.empty() ? "?" : place.function;
  if (!place.file.empty())
    text +=
        fmt::format(", {}:{}", std::filesystem::path{place.file}.filename().string(), place.line);
  if (!place.object.empty())
    text += fmt::format(" ({})", std::filesystem::path{place.object}.filename().string());
  return text;
}

struct Totals {
  std::int64_t blocks = 0, bytes = 0, typed_blocks = 0, typed_bytes = 0;
};
Totals totals_of(const std::vector<HeapRow>& rows) {
  Totals totals;
  for (const HeapRow& row : rows) {
    totals.blocks += row.blocks;
    totals.bytes += row.bytes;
    if (row.type.empty()) continue;
    totals.typed_blocks += row.blocks;
    totals.typed_bytes += row.bytes;
  }
  return totals;
}

void print_text(const std::vector<HeapRow>& rows, const HeapOptions& options) {
  const std::size_t shown = options.top == 0 ? rows.size() : std::min(options.top, rows.size());
  std::size_t width = 4;
  const auto type_text = [](const HeapRow& row) {
    return row.type.empty() ? "? (" + row.problem + ")" : row.human_type;
  };
  for (std::size_t i = 0; i < shown; ++i) width = std::max(width, type_text(rows[i]).size());
  width = std::min<std::size_t>(width, 48);
  if (shown != 0) {
    fmt::print("{:>11} {:>10}  {:<{}}{}\n", "BYTES", "BLOCKS", "TYPE", options.by_type ? 0 : width,
               options.by_type ? "" : "  ALLOCATED BY");
  }
  for (std::size_t i = 0; i < shown; ++i) {
    const HeapRow& row = rows[i];
    fmt::print("{:>11} {:>10}  {:<{}}{}{}\n", bytes_text(row.bytes), row.blocks, type_text(row),
               options.by_type ? 0 : width, options.by_type ? "" : "  ",
               options.by_type ? "" : place_text(row.place));
  }
  if (shown < rows.size()) {
    Totals rest = totals_of({rows.begin() + static_cast<std::ptrdiff_t>(shown), rows.end()});
    fmt::print("{:>11} {:>10}  in {} more rows: --top 0 shows them\n", bytes_text(rest.bytes),
               rest.blocks, rows.size() - shown);
  }
  const Totals all = totals_of(rows);
  fmt::print("{:>11} {:>10}  {}", bytes_text(all.bytes), all.blocks,
             options.seconds > 0 ? "more than before" : "in all");
  if (options.seconds <= 0 && all.bytes != 0) {
    fmt::print("; the type is known of {:.1f} % of the bytes and {:.1f} % of the blocks",
               100.0 * static_cast<double>(all.typed_bytes) / static_cast<double>(all.bytes),
               100.0 * static_cast<double>(all.typed_blocks) / static_cast<double>(all.blocks));
  }
  fmt::print("\n");
}

void print_json(const std::vector<HeapRow>& rows, const HeapOptions& options) {
  const std::size_t shown = options.top == 0 ? rows.size() : std::min(options.top, rows.size());
  const Totals all = totals_of(rows);
  nlohmann::ordered_json out{{"bytes", all.bytes},
                             {"blocks", all.blocks},
                             {"typed_bytes", all.typed_bytes},
                             {"typed_blocks", all.typed_blocks},
                             {"rows_left_out", rows.size() - shown}};
  if (options.seconds > 0) out["seconds"] = options.seconds;
  auto& list = out["rows"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < shown; ++i) {
    const HeapRow& row = rows[i];
    nlohmann::ordered_json entry{{"bytes", row.bytes}, {"blocks", row.blocks}};
    if (row.type.empty()) {
      entry["type"] = nullptr;
      entry["type_problem"] = row.problem;
    } else {
      entry["type"] = row.type;
      entry["type_as_written"] = row.human_type;
      entry["type_grade"] = row.grade;
    }
    if (!row.place.function.empty()) entry["function"] = row.place.function;
    if (!row.place.file.empty()) {
      entry["file"] = row.place.file;
      entry["line"] = row.place.line;
    }
    if (!row.place.object.empty()) entry["object"] = row.place.object;
    list.push_back(entry);
  }
  fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

// Why there is nothing to count, said on the error stream; false if there is.
bool say_if_not_indexed(const index::Root* root) {
  const char* why =
      root == nullptr
          ? "does not run under liballocs, so its heap blocks are not known; start it with "
            "\"allocs run\""
      : root->malloc_kind == index::MallocKind::bypassed
          ? "has a malloc of its own before liballocs, or another C library, whose blocks are not "
            "indexed"
          : nullptr;
  if (why != nullptr) fmt::print(stderr, "allocs: {}\n", why);
  return why != nullptr;
}

int heap(const HeapOptions& options) {
  HeapCensus earlier;
  if (options.seconds > 0) {
    if (!parse_process_number(options.target)) {
      fmt::print(stderr, "allocs: a core does not grow; --growth needs the number of a process\n");
      return kExitUnreadable;
    }
    const int status = visit_target(options.target, [&](const auto& process, const auto&) {
      if (say_if_not_indexed(process.root())) return kExitNotTold;
      earlier = take_census(process);
      return 0;
    });
    if (status != 0) return status;
    fmt::print(stderr, "allocs: counted; again in {} s\n", options.seconds);
    std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
  }
  return visit_target(options.target, [&](const auto& process, const auto& resume) {
    if (say_if_not_indexed(process.root())) return kExitNotTold;
    HeapCensus census = take_census(process);
    // Metadata may have to be made for what follows.
    resume();
    if (options.seconds > 0) census = growth(std::move(census), earlier);
    const auto order = options.by_type ? HeapOrder::by_type : HeapOrder::by_site;
    const std::vector<HeapRow> rows = rows_of(process, census, order);
    options.json ? print_json(rows, options) : print_text(rows, options);
    return 0;
  });
}

}  // namespace

void add_heap_command(CLI::App& app, int& status) {
  auto* command = app.add_subcommand(
      "heap", "Tell what the heap of a core file or a process consists of, the most bytes first");
  auto options = std::make_shared<HeapOptions>();
  command->add_option("target", options->target, "A core file, or the number of a process")
      ->required();
  command->add_flag("--by-type", options->by_type, "One row a type, whoever allocated it");
  command->add_option("--top", options->top, "Rows to show; 0: all")->capture_default_str();
  command
      ->add_option("--growth", options->seconds,
                   "What is added while so many seconds pass, less what is freed")
      ->check(CLI::PositiveNumber);
  command->add_flag("--json", options->json, "JSON instead of text");
  command->callback([options, &status] { status = heap(*options); });
}

}  // namespace allocs::tool
