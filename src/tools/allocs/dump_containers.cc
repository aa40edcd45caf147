// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/dump_containers.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>

namespace allocs::tool {

namespace {

using types::Image;
using types::Table;

constexpr const char* kContainerShapes[] = {"array", "inside", "target", "bits",
                                            "chain", "tree",   "blocks", "pages"};
const char* shape_name(const types::ContainerRecord& record) {
  const auto shape = static_cast<unsigned>(record.shape);
  return shape < std::size(kContainerShapes) ? kContainerShapes[shape] : "?";
}
// "+0 -> +16, 4 bytes"
std::string place_text(const types::PlaceRecord& place) {
  if (place.size == 0) return "-";
  std::string text;
  for (unsigned i = 0; i <= std::min(place.hops, types::kMostPlaceHops); ++i)
    text += fmt::format("{}+{}", i == 0 ? "" : " -> ", place.offsets[i]);
  return place.bit_size == 0 ? text
                             : fmt::format("{}:{}:{}", text, place.bit_offset, place.bit_size);
}
const char* human_name(const Image& image, types::TypeIndex index) {
  const types::TypeRecord* type = image.type(index);
  return type == nullptr ? "?" : image.text(type->human_name);
}
std::string test_text(const types::ContainerRecord& record) {
  const std::string place = place_text(record.tested);
  switch (record.test) {
    case types::ContainerTest::is_set:
      return " if " + place;
    case types::ContainerTest::is_clear:
      return " unless " + place;
    case types::ContainerTest::is_equal:
      return fmt::format(" if {} is {}", place, record.equal);
    case types::ContainerTest::none:
      break;
  }
  return "";
}

}  // namespace

void dump_containers(const Image& image, std::FILE* out) {
  fmt::print(out, "\ncontainers\n");
  for (const auto& record : image.table<types::ContainerRecord>(Table::containers)) {
    fmt::print(out, "  {}: {} of {}{}", human_name(image, record.type), shape_name(record),
               human_name(image, record.element), test_text(record));
    for (const types::PlaceRecord& place : record.places) {
      if (place.size != 0) fmt::print(out, " [{}]", place_text(place));
    }
    fmt::print(out, "\n");
  }
}

nlohmann::ordered_json json_of_containers(const Image& image) {
  auto all = nlohmann::ordered_json::array();
  for (const auto& record : image.table<types::ContainerRecord>(Table::containers)) {
    nlohmann::ordered_json one{{"type", record.type},
                               {"element", record.element},
                               {"element_size", record.element_size},
                               {"shape", shape_name(record)}};
    if (record.number != 0) one["number"] = record.number;
    if (record.test != types::ContainerTest::none) one["test"] = test_text(record).substr(1);
    for (const types::PlaceRecord& place : record.places)
      one["places"].push_back(place_text(place));
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace allocs::tool
