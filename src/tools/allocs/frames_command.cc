// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/frames_command.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tools/allocs/finding.h"
#include "tools/allocs/target.h"

namespace allocs::tool {

namespace {

using query::FramePlace;
using query::FrameView;

struct FramesOptions {
  std::string target;
  int thread = 0;  // 0: all
  bool json = false;
};

const char* word_for(FramePlace::Part part) {
  switch (part) {
    case FramePlace::Part::variable:
      return "variable";
    case FramePlace::Part::saved_register:
      return "saved register";
    case FramePlace::Part::return_address:
      return "return address";
    case FramePlace::Part::in_register:
      return "register";
    case FramePlace::Part::rest:
      break;
  }
  return "rest";
}

const char* word_for(FramePlace::Holds holds) {
  switch (holds) {
    case FramePlace::Holds::pointer:
      return "pointer";
    case FramePlace::Holds::no_pointer:
      return "no pointer";
    case FramePlace::Holds::unknown:
      break;
  }
  return "unknown";
}

// What is told of one thread, in text or as JSON.
struct Listing {
  bool json = false;
  unsigned depth = 0;
  nlohmann::ordered_json frames = nlohmann::ordered_json::array();

  void begin_frame(const FrameView& view) {
    if (!json) {
      fmt::print("  #{} {:#x} {} {:#x} + {} bytes{}\n", depth, raw(view.frame.pc),
                 view.function == nullptr ? "(unknown function)" : view.function,
                 raw(view.range.begin), view.range.size(),
                 view.frame.is_interrupted ? ", interrupted" : "");
      return;
    }
    nlohmann::ordered_json entry{{"pc", fmt::format("{:#x}", raw(view.frame.pc))},
                                 {"base", fmt::format("{:#x}", raw(view.range.begin))},
                                 {"cfa", fmt::format("{:#x}", raw(view.frame.cfa))}};
    if (view.function != nullptr) entry["function"] = view.function;
    if (view.object != nullptr) entry["object"] = view.object;
    entry["interrupted"] = view.frame.is_interrupted;
    entry["signal"] = view.frame.is_signal_frame;
    entry["places"] = nlohmann::ordered_json::array();
    frames.push_back(entry);
  }

  void add(const FramePlace& place) {
    const std::string occupant = text_of([&](TextWriter& out) { query::put_occupant(out, place); });
    const std::string type = place.type == nullptr ? "" : text_of([&](TextWriter& out) {
      types::put_human_name(out, place.type);
    });
    const bool is_register = place.part == FramePlace::Part::in_register;
    const bool has_register = place.reg != elf::kRegisterCount;
    const char* const reg = has_register ? elf::kRegisterNames[place.reg] : "";
    if (!json) {
      fmt::print("    {}", is_register ? fmt::format("{:14}", reg)
                                       : fmt::format("{:#x}", raw(place.range.begin)));
      fmt::print(" {:4}  {:10}  {}", is_register ? 8 : place.range.size(), word_for(place.holds),
                 query::slot_name(place) != nullptr ? query::slot_name(place) : "");
      fmt::print("{}{}{}{}\n", query::slot_name(place) != nullptr && !occupant.empty() ? " " : "",
                 occupant, type.empty() ? "" : "  ", type);
      return;
    }
    nlohmann::ordered_json entry{{"part", word_for(place.part)}, {"holds", word_for(place.holds)}};
    if (place.range.size() != 0) entry["address"] = fmt::format("{:#x}", raw(place.range.begin));
    if (!is_register) entry["size"] = place.range.size();
    if (has_register) entry["register"] = reg;
    if (place.has_value) entry["value"] = fmt::format("{:#x}", place.value);
    if (!occupant.empty()) entry["occupant"] = occupant;
    if (place.is_frame_pointer) entry["frame_pointer"] = true;
    if (!type.empty()) entry["type_as_written"] = type;
    frames.back()["places"].push_back(entry);
  }
};

template <typename P>
void list_thread(const P& process, const runt::remote::ThreadState& thread, Listing& listing) {
  process.walk_frames(thread, [&](auto walk) {
    Address beginning{};
    query::CallersRegisters registers;
    while (const auto frame = walk.next()) {
      FrameView view;
      view.thread = thread.id;
      const query::PlaceVisitor add{.call =
                                        [](void* into, const FrameView&, const FramePlace& place) {
                                          static_cast<Listing*>(into)->add(place);
                                          return true;
                                        },
                                    .context = &listing};
      query::places::FrameScan scan(process, walk, beginning, registers, view, add);
      listing.begin_frame(view);
      scan.run(query::kAnywhere);
      beginning = view.caller;
      ++listing.depth;
    }
  });
}

int frames(const FramesOptions& options) {
  return visit_target(options.target, [&](const auto& process, const auto&) {
    auto threads = nlohmann::ordered_json::array();
    bool is_found = false;
    for (const auto& thread : process.threads()) {
      if (options.thread != 0 && thread.id != options.thread) continue;
      is_found = true;
      if (!options.json) fmt::print("thread {}\n", thread.id);
      Listing listing{.json = options.json};
      list_thread(process, thread, listing);
      threads.push_back({{"thread", thread.id}, {"frames", std::move(listing.frames)}});
    }
    if (options.json)
      fmt::print("{}\n", threads.dump(1, ' ', false, nlohmann::json::error_handler_t::replace));
    return is_found ? 0 : kExitNotTold;
  });
}

}  // namespace

void add_frames_command(CLI::App& app, int& status) {
  auto* command = app.add_subcommand("frames",
                                     "Tell what lies in the stack frames of a core file or a "
                                     "process, and which words are pointers");
  auto options = std::make_shared<FramesOptions>();
  command->add_option("target", options->target, "A core file, or the number of a process")
      ->required();
  command->add_option("--thread", options->thread, "Of that thread only");
  command->add_flag("--json", options->json, "JSON instead of text");
  command->callback([options, &status] { status = frames(*options); });
}

}  // namespace allocs::tool
