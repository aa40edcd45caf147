// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "runtime/query/describe.h"
#include "runtime/query/frame_scan.h"
#include "runtime/query/object_reader.h"

namespace allocs::tool {

// One answer in the terms of a person or a script: nothing in it refers to the target any more.
struct Finding {
  struct Level {
    std::string allocator;
    std::uint64_t base = 0;
    std::uint64_t size = 0;
    std::string name;
  };

  std::uint64_t address = 0;
  int error = 0;
  std::string message;  // of the error, if there is one
  std::string allocator;
  std::string name;
  std::uint64_t base = 0;
  std::uint64_t size = 0;  // of the allocation
  bool is_function = false;
  std::string type;  // canonical; "(no type)"
  std::string human_type;
  std::string type_problem;
  std::string path;
  bool is_slot = false;  // of a frame: a saved register or the return address
  std::string slot_register;
  std::string slot_holds;  // whose variable, or frame pointer; empty if that is not known
  std::string slot_type;   // as the source writes it
  std::uint64_t site = 0;
  std::string site_name;
  int thread = 0;
  std::string base_grade, type_grade, evidence;
  std::vector<Level> enclosing;
};

template <typename Put>
std::string text_of(Put&& put) {
  char text[4096];
  TextWriter out(text, sizeof text);
  put(out);
  return std::string{out.text()};
}

// The function that holds a site: as the metadata of the site says, or by the object that lies there now.
template <query::Process P>
std::string name_of_site(const P& process, const query::Answer& answer) {
  std::string name;
  if (answer.site_function != nullptr) {
    name = answer.site_function;
  } else if (const query::Object* object = process.find_object(answer.site)) {
    const query::Answer code = query::query_static(process.types(), *object, answer.site - 1);
    if (code.is_function && code.name != nullptr) name = code.name;
  }
  if (answer.site_object == nullptr) return name;
  return (name.empty() ? "in " : name + " in ") + answer.site_object;
}

inline void put_slot(const query::FramePlace& slot, Finding& finding) {
  finding.is_slot = true;
  finding.slot_register = elf::kRegisterNames[slot.reg];
  finding.slot_holds = text_of([&](TextWriter& out) { query::put_occupant(out, slot); });
  if (slot.type != nullptr)
    finding.slot_type = text_of([&](TextWriter& out) { types::put_human_name(out, slot.type); });
}

// What an allocation lies in, the whole chain: of several microseconds, and only JSON prints it.
enum class Enclosing : bool { not_asked, asked };

template <query::Process P>
Finding find_out(const P& process, Address at, Enclosing enclosing) {
  const query::Answer answer = query::query(process, at);
  Finding finding;
  finding.address = raw(at);
  finding.error = answer.error;
  if (answer.error != ALLOC_OK) {
    finding.message = query::error_message(answer.error);
    if (answer.error == ALLOC_E_NO_UNWIND && answer.site != Address{})
      finding.message += text_of([&](TextWriter& out) { query::put_end_of_walk(out, answer); });
    return finding;
  }
  finding.allocator = query::row_of(answer.allocator).name;
  if (answer.name != nullptr) finding.name = answer.name;
  finding.base = raw(answer.range.begin);
  finding.size = answer.is_empty ? 0 : answer.range.size();
  finding.is_function = answer.is_function;
  finding.type = types::name_of(answer.type);
  finding.human_type = text_of([&](TextWriter& out) { types::put_human_name(out, answer.type); });
  if (answer.type == nullptr) finding.type_problem = query::error_message(answer.type_error);
  const auto slot = query::slot_at(process, answer, at);
  const types::ObjectReader reader = query::object_reader(process);
  finding.path = text_of([&](TextWriter& out) {
    query::put_path_to_slot(out, answer, at, slot ? query::slot_name(*slot) : nullptr, &reader);
  });
  if (slot) put_slot(*slot, finding);
  finding.site = raw(answer.site);
  if (finding.site != 0) finding.site_name = name_of_site(process, answer);
  finding.thread = answer.thread;
  finding.base_grade = query::grade_word(answer.base_grade);
  finding.type_grade = query::grade_word(answer.type_grade);
  finding.evidence = text_of([&](TextWriter& out) { query::put_evidence(out, answer.evidence); });
  if (enclosing == Enclosing::not_asked) return finding;
  query::for_each_enclosing(process, answer, at, [&](const query::Answer& link, const char* name) {
    finding.enclosing.push_back({query::row_of(link.allocator).name, raw(link.range.begin),
                                 link.range.size(), name == nullptr ? "" : name});
  });
  return finding;
}

// The first line is the one that the seed's program prints of itself.
void print_text(const Finding& finding);
void print_json(const std::vector<Finding>& findings);

}  // namespace allocs::tool
