// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/byte_reader.h"
#include "types/image_format.h"
#include "types/write/string_pool.h"
#include "types/write/type_graph.h"

namespace allocs::types {

// What an image will say about one ELF object, as the image's own records. Texts are indices in `strings`.
struct ObjectModel {
  std::string object_path;
  std::string debug_path;              // empty: the object itself, or nothing, was used
  std::vector<std::uint8_t> build_id;  // empty: the object has none
  std::uint64_t file_size = 0;
  std::uint64_t file_mtime_ns = 0;
  std::uint32_t flags = 0;  // ImageFlag

  StringPool strings;
  TypeGraph types{strings};
  std::vector<RegionRecord> segments;
  std::vector<RegionRecord> sections;
  std::vector<StaticRecord> statics;      // writing sorts them and fills in `enclosing`
  std::vector<StaticRecord> tls;          // likewise
  std::vector<FunctionRecord> functions;  // sorted by low pc
  std::vector<VariableRecord> variables;
  std::vector<std::byte> locations;
  std::vector<SiteRecord> sites;                   // writing sorts them
  std::vector<ContainerRecord> containers;         // sorted by type
  std::vector<VirtualTableRecord> virtual_tables;  // by address, one at each

  ObjectModel() = default;
  ObjectModel(const ObjectModel&) = delete;  // the type graph points at `strings`
  ObjectModel& operator=(const ObjectModel&) = delete;
};

// One stretch of code during which a variable is in one place.
struct LocationPiece {
  std::uint64_t low = 0;  // link address
  std::uint64_t high = 0;
  LocationKind kind = LocationKind::memory;
  std::int64_t value = 0;
  friend bool operator==(const LocationPiece&, const LocationPiece&) = default;
};

void append_uleb(std::vector<std::byte>& bytes, std::uint64_t value);
void append_sleb(std::vector<std::byte>& bytes, std::int64_t value);

// Encoding as in VariableRecord. `pieces` are sorted, disjoint and inside the function that starts at `function_low`.
// Appends to `locations` and returns the offset at which the list begins.
std::uint32_t append_locations(std::vector<std::byte>& locations, std::uint64_t function_low,
                               std::span<const LocationPiece> pieces);
// Reads such a list where `reader` stands.
class LocationReader {
 public:
  LocationReader(ByteReader& reader, std::uint64_t function_low)
      : reader_(reader), end_(function_low), left_(reader.read_uleb()) {}
  std::uint64_t left() const { return left_; }
  // False at the end, or where it is damaged.
  bool next(LocationPiece& piece) {
    if (left_ == 0) return false;
    --left_;
    piece.low = end_ + reader_.read_uleb();
    piece.high = end_ = piece.low + reader_.read_uleb();
    piece.kind = static_cast<LocationKind>(reader_.read_uleb());
    piece.value = reader_.read_sleb();
    return reader_.ok();
  }

 private:
  ByteReader& reader_;
  std::uint64_t end_;
  std::uint64_t left_;
};
// `end`, if given, becomes the offset behind the list.
std::vector<LocationPiece> read_locations(std::span<const std::byte> locations, std::uint32_t at,
                                          std::uint64_t function_low, std::uint32_t* end = nullptr);
// Calls `visit(piece)` for each piece of such a list, up to damage.
template <typename Visit>
void for_each_location(std::span<const std::byte> locations, std::uint32_t at,
                       std::uint64_t function_low, Visit visit) {
  if (at >= locations.size()) return;
  ByteReader reader{locations.data() + at, locations.size() - at};
  LocationReader pieces{reader, function_low};
  for (LocationPiece piece; pieces.next(piece);) visit(piece);
}
// The bytes of the expression that begins at `at`; none if that is damaged.
std::span<const std::byte> expression_at(std::span<const std::byte> locations, std::uint64_t at);
// The lists of counts that follow the list of a kVariableSized variable at `at`.
std::vector<std::vector<LocationPiece>> read_counts(std::span<const std::byte> locations,
                                                    std::uint32_t at, std::uint64_t function_low);

// The function whose code holds `pc`, or nullptr.
const FunctionRecord* function_at(const ObjectModel& model, std::uint64_t pc);
// The one that begins at `address`, or nullptr.
const FunctionRecord* function_with_entry(const ObjectModel& model, std::uint64_t address);
std::span<const VariableRecord> variables_of(const ObjectModel& model,
                                             const FunctionRecord& function);

}  // namespace allocs::types
