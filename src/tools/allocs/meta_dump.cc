// SPDX-License-Identifier: Apache-2.0
#include "tools/allocs/meta_dump.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/allocs/dump_containers.h"
#include "types/write/object_model.h"

namespace allocs::tool {

namespace {

using Json = nlohmann::ordered_json;
using types::Image;
using types::Kind;
using types::Table;

std::string kind_name(const types::TypeRecord& type) {
  switch (type.kind) {
    case Kind::void_:
      return "void";
    case Kind::array:
      return "array";
    case Kind::base:
      return "base";
    case Kind::enumeration:
      return "enumeration";
    case Kind::composite: {
      constexpr const char* kNames[] = {"struct", "union", "class", "frame"};
      return kNames[type.detail & 3];
    }
    case Kind::address: {
      constexpr const char* kNames[] = {"pointer", "reference", "rvalue reference",
                                        "member pointer"};
      return kNames[type.detail & 3];
    }
    case Kind::subprogram:
      return "subprogram";
    case Kind::subrange:
      return "subrange";
  }
  return "?";
}

// Its record has the name of the class where others have a file.
bool is_member_pointer(const types::TypeRecord& type) {
  return type.kind == Kind::address &&
         type.detail == static_cast<std::uint8_t>(types::AddressKind::member_pointer);
}

std::string type_name(const Image& image, types::TypeIndex index) {
  const types::TypeRecord* type = image.type(index);
  return type == nullptr ? "?" : image.text(type->human_name);
}

std::string static_kind(const types::StaticRecord& record) {
  constexpr const char* kNames[] = {"function", "object", "string literal", "unnamed"};
  return kNames[static_cast<unsigned>(record.kind) & 3];
}

std::string source_place(const Image& image, types::StringRef file, std::uint32_t line) {
  return file == 0 ? "" : fmt::format("{}:{}", image.text(file), line);
}

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

// The operations as bytes.
std::string expression_text(const Image& image, std::int64_t at) {
  std::string text;
  for (const std::byte byte : types::expression_at(image.table<std::byte>(Table::locations),
                                                   static_cast<std::uint64_t>(at)))
    text += fmt::format("{}{:02x}", text.empty() ? "" : " ", static_cast<unsigned>(byte));
  return text;
}

std::string location_text(const Image& image, const types::LocationPiece& piece) {
  switch (piece.kind) {
    case types::LocationKind::memory:
      return fmt::format("cfa{:+}", piece.value);
    case types::LocationKind::memory_at_sp:
      return fmt::format("sp{:+}", piece.value);
    case types::LocationKind::memory_at_fp:
      return fmt::format("fp{:+}", piece.value);
    case types::LocationKind::in_register:
      return fmt::format("reg{}", piece.value);
    case types::LocationKind::computed:
      return fmt::format("at({})", expression_text(image, piece.value));
    case types::LocationKind::value:
      return fmt::format("value({})", expression_text(image, piece.value));
  }
  return "?";
}

std::vector<types::LocationPiece> locations(const Image& image,
                                            const types::FunctionRecord& function,
                                            const types::VariableRecord& variable) {
  return types::read_locations(image.table<std::byte>(Table::locations), variable.locations,
                               function.low);
}

std::vector<std::vector<types::LocationPiece>> counts(const Image& image,
                                                      const types::FunctionRecord& function,
                                                      const types::VariableRecord& variable) {
  if ((variable.flags & types::kVariableSized) == 0) return {};
  return types::read_counts(image.table<std::byte>(Table::locations), variable.locations,
                            function.low);
}

std::span<const types::VariableRecord> variables_of(const Image& image,
                                                    const types::FunctionRecord& function) {
  const auto all = image.table<types::VariableRecord>(Table::variables);
  if (function.first_variable > all.size() ||
      function.variable_count > all.size() - function.first_variable)
    return {};
  return all.subspan(function.first_variable, function.variable_count);
}

void dump_types(const Image& image, std::FILE* out) {
  fmt::print(out, "\ntypes\n");
  std::size_t index = 0;
  for (const types::TypeRecord& type : image.types()) {
    fmt::print(out, "{:6} {:016x}{:016x} {:12} {} \"{}\"", index++, type.hash.high, type.hash.low,
               kind_name(type), image.text(type.name), image.text(type.human_name));
    if (type.size != types::kUnknownSize) fmt::print(out, " : {}", type.size);
    if ((type.flags & types::kTypeIncomplete) != 0) fmt::print(out, " incomplete");
    if (is_member_pointer(type)) {
      fmt::print(out, " of {}", image.text(type.file));
    } else if (type.file != 0) {
      fmt::print(out, " {}", source_place(image, type.file, type.line));
    }
    fmt::print(out, "\n");
    for (const types::MemberRecord& member : image.members_of(type)) {
      if (type.kind != Kind::composite) break;
      const std::string offset = types::has_place(member) ? std::to_string(member.offset) : "?";
      fmt::print(out, "         @{} {} {}", offset, image.text(member.name),
                 type_name(image, member.type));
      if (member.alias != 0) fmt::print(out, " \"{}\"", image.text(member.alias));
      if ((member.flags & types::kMemberBaseClass) != 0) fmt::print(out, " base");
      fmt::print(out, "\n");
    }
    for (const types::EnumeratorRecord& enumerator : image.enumerators_of(type)) {
      fmt::print(out, "         {} = {}\n", image.text(enumerator.name), enumerator.value);
    }
  }
  fmt::print(out, "\naliases\n");
  for (const types::AliasRecord& alias : image.table<types::AliasRecord>(Table::aliases)) {
    fmt::print(out, "  {} = {}\n", image.text(alias.name), type_name(image, alias.type));
  }
}

void dump_statics(const Image& image, std::span<const types::StaticRecord> statics,
                  const char* title, std::FILE* out) {
  fmt::print(out, "\n{}\n", title);
  for (const types::StaticRecord& record : statics) {
    fmt::print(out, "  0x{:x} +{} {} {} {}", record.address, record.size, static_kind(record),
               image.text(record.name),
               record.type == types::kNoType ? "?" : type_name(image, record.type));
    if (record.linkage_name != 0) fmt::print(out, " [{}]", image.text(record.linkage_name));
    if ((record.flags & types::kStaticFromSymbolOnly) != 0) fmt::print(out, " symbol");
    if ((record.flags & types::kStaticSizeGuessed) != 0) fmt::print(out, " size-guessed");
    if ((record.flags & types::kStaticInferred) != 0) fmt::print(out, " inferred");
    if ((record.flags & types::kStaticSharesBytes) != 0) fmt::print(out, " shares-bytes");
    if (record.enclosing != types::kNoRecord) fmt::print(out, " in {}", record.enclosing);
    if (record.file != 0) fmt::print(out, " {}", source_place(image, record.file, record.line));
    fmt::print(out, "\n");
  }
}

void dump_functions(const Image& image, std::FILE* out) {
  fmt::print(out, "\nfunctions\n");
  for (const auto& function : image.table<types::FunctionRecord>(Table::functions)) {
    fmt::print(out, "  0x{:x} +{} {} ({})\n", function.low, function.length,
               image.text(function.name), image.text(function.unit));
    for (const types::VariableRecord& variable : variables_of(image, function)) {
      fmt::print(out, "      {}{} {}",
                 (variable.flags & types::kVariableFormal) != 0 ? "formal " : "",
                 image.text(variable.name), type_name(image, variable.type));
      for (const types::LocationPiece& piece : locations(image, function, variable)) {
        fmt::print(out, " [{:x},{:x}) {}", piece.low, piece.high, location_text(image, piece));
      }
      for (const auto& list : counts(image, function, variable)) {
        fmt::print(out, " count");
        for (const types::LocationPiece& piece : list)
          fmt::print(out, " [{:x},{:x}) {}", piece.low, piece.high, location_text(image, piece));
      }
      fmt::print(out, "\n");
    }
  }
}

void dump_sites(const Image& image, std::FILE* out) {
  constexpr const char* kShapes[] = {"unknown", "one", "array", "flexible"};
  constexpr const char* kProvenances[] = {"none",   "new expression", "size arithmetic",
                                          "target", "inferred",       "call entry"};
  fmt::print(out, "\nsites\n");
  for (const auto& site : image.table<types::SiteRecord>(Table::sites)) {
    fmt::print(out, "  0x{:x} {} in {}", site.return_address, image.text(site.callee),
               image.text(site.function));
    fmt::print(out, " {} {} ({})", site.type == types::kNoType ? "?" : type_name(image, site.type),
               kShapes[static_cast<unsigned>(site.shape) & 3],
               static_cast<unsigned>(site.provenance) < std::size(kProvenances)
                   ? kProvenances[static_cast<unsigned>(site.provenance)]
                   : "?");
    if (site.constant_size != 0) fmt::print(out, " size {}", site.constant_size);
    if ((site.flags & types::kSiteWrapper) != 0) fmt::print(out, " wrapper");
    if ((site.flags & types::kSiteConflict) != 0) fmt::print(out, " conflict");
    if ((site.flags & types::kSiteUsedAsTold) != 0) fmt::print(out, " used as that");
    if (site.file != 0) fmt::print(out, " {}", source_place(image, site.file, site.line));
    fmt::print(out, "\n");
  }
}

void dump_virtual_tables(const Image& image, std::FILE* out) {
  fmt::print(out, "\nvirtual tables\n");
  for (const auto& each : image.table<types::VirtualTableRecord>(Table::virtual_tables))
    fmt::print(out, "  0x{:x} {}\n", each.address,
               each.name != 0 ? image.text(each.name) : type_name(image, each.type));
}

Json json_of_virtual_tables(const Image& image) {
  Json all = Json::array();
  for (const auto& each : image.table<types::VirtualTableRecord>(Table::virtual_tables)) {
    Json one{{"address", each.address}};
    if (each.type != types::kNoType) one["type"] = each.type;
    if (each.name != 0) one["name"] = image.text(each.name);
    all.push_back(std::move(one));
  }
  return all;
}

Json json_of_types(const Image& image) {
  Json all = Json::array();
  for (const types::TypeRecord& type : image.types()) {
    Json one{{"kind", kind_name(type)},
             {"name", image.text(type.name)},
             {"human_name", image.text(type.human_name)},
             {"hash", fmt::format("{:016x}{:016x}", type.hash.high, type.hash.low)}};
    if (type.size != types::kUnknownSize) one["size"] = type.size;
    if (type.kind == Kind::array && type.count != types::kUnbounded) one["count"] = type.count;
    if (type.target != types::kNoType) one["target"] = type.target;
    if ((type.flags & types::kTypeIncomplete) != 0) one["incomplete"] = true;
    if (type.bit_size != 0) {
      one["bit_size"] = type.bit_size;
      one["bit_offset"] = type.bit_offset;
    }
    if (type.kind == Kind::subrange) one["upper_minus_lower"] = type.count;
    if ((type.flags & types::kTypeVariadic) != 0) one["variadic"] = true;
    if ((type.flags & types::kTypePrototyped) != 0) one["prototyped"] = true;
    if ((type.flags & types::kTypeAnonymous) != 0) one["made_up_name"] = true;
    if (is_member_pointer(type)) {
      one["class"] = image.text(type.file);
    } else if (type.file != 0) {
      one["declared"] = source_place(image, type.file, type.line);
    }
    for (const types::MemberRecord& member : image.members_of(type)) {
      Json field{{"type", member.type}};
      if (type.kind == Kind::composite) field["name"] = image.text(member.name);
      if (type.kind == Kind::composite && member.offset != types::kUnknownSize)
        field[types::has_place(member) ? "offset" : "distance_below_table"] = member.offset;
      if (type.kind == Kind::subrange) field["lower"] = static_cast<std::int64_t>(member.offset);
      if (member.alias != 0) field["alias"] = image.text(member.alias);
      if ((member.flags & types::kMemberBaseClass) != 0) field["base_class"] = true;
      if ((member.flags & types::kMemberVirtualBase) != 0) field["virtual_base"] = true;
      if ((member.flags & types::kMemberArtificial) != 0) field["artificial"] = true;
      if ((member.flags & types::kMemberFlexible) != 0) field["flexible"] = true;
      one["members"].push_back(std::move(field));
    }
    for (const types::EnumeratorRecord& enumerator : image.enumerators_of(type)) {
      one["enumerators"].push_back(
          {{"name", image.text(enumerator.name)}, {"value", enumerator.value}});
    }
    all.push_back(std::move(one));
  }
  return all;
}

Json json_of_statics(const Image& image, std::span<const types::StaticRecord> statics) {
  Json all = Json::array();
  for (const types::StaticRecord& record : statics) {
    Json one{{"address", record.address},
             {"size", record.size},
             {"kind", static_kind(record)},
             {"name", image.text(record.name)}};
    if (record.linkage_name != 0) one["linkage_name"] = image.text(record.linkage_name);
    if (record.type != types::kNoType) one["type"] = record.type;
    if (record.file != 0) one["declared"] = source_place(image, record.file, record.line);
    if (record.flags != 0) one["flags"] = record.flags;
    all.push_back(std::move(one));
  }
  return all;
}

Json json_of_functions(const Image& image) {
  Json all = Json::array();
  for (const auto& function : image.table<types::FunctionRecord>(Table::functions)) {
    Json one{{"address", function.low},
             {"size", function.length},
             {"name", image.text(function.name)},
             {"unit", image.text(function.unit)},
             {"type", function.type},
             {"variables", Json::array()}};
    for (const types::VariableRecord& variable : variables_of(image, function)) {
      Json local{
          {"name", image.text(variable.name)}, {"type", variable.type}, {"flags", variable.flags}};
      for (const types::LocationPiece& piece : locations(image, function, variable)) {
        local["locations"].push_back(
            {{"low", piece.low}, {"high", piece.high}, {"at", location_text(image, piece)}});
      }
      for (const auto& list : counts(image, function, variable)) {
        Json& one_list = local["counts"].emplace_back(Json::array());
        for (const types::LocationPiece& piece : list) {
          one_list.push_back(
              {{"low", piece.low}, {"high", piece.high}, {"at", location_text(image, piece)}});
        }
      }
      one["variables"].push_back(std::move(local));
    }
    all.push_back(std::move(one));
  }
  return all;
}

Json json_of_sites(const Image& image) {
  Json all = Json::array();
  for (const auto& site : image.table<types::SiteRecord>(Table::sites)) {
    Json one{{"return_address", site.return_address},
             {"callee", image.text(site.callee)},
             {"function", image.text(site.function)},
             {"shape", static_cast<unsigned>(site.shape)},
             {"provenance", static_cast<unsigned>(site.provenance)},
             {"evidence", site.evidence},
             {"flags", site.flags}};
    if (site.type != types::kNoType) one["type"] = site.type;
    if (site.constant_size != 0) one["constant_size"] = site.constant_size;
    if (site.file != 0) one["source"] = source_place(image, site.file, site.line);
    all.push_back(std::move(one));
  }
  return all;
}

Json json_of_regions(const Image& image, Table table) {
  Json all = Json::array();
  for (const auto& region : image.table<types::RegionRecord>(table)) {
    all.push_back({{"address", region.address},
                   {"size", region.size},
                   {"name", image.text(region.name)},
                   {"flags", region.flags}});
  }
  return all;
}

}  // namespace

void dump_text(const Image& image, std::FILE* out) {
  fmt::print(out, "object   {}\n", image.text(image.header().object_path));
  fmt::print(out, "debug    {}\n", image.text(image.header().debug_path));
  fmt::print(out, "build-id {}\n", hex(image.build_id()));
  fmt::print(out, "bytes    {}\n", image.header().size);
  for (const Table table : {Table::segments, Table::sections}) {
    fmt::print(out, "\n{}\n", table == Table::segments ? "segments" : "sections");
    for (const auto& region : image.table<types::RegionRecord>(table)) {
      fmt::print(out, "  0x{:x} +{} {} flags {:x}\n", region.address, region.size,
                 image.text(region.name), region.flags);
    }
  }
  dump_types(image, out);
  dump_statics(image, image.statics(), "statics", out);
  dump_statics(image, image.tls(), "tls", out);
  dump_functions(image, out);
  dump_sites(image, out);
  dump_containers(image, out);
  dump_virtual_tables(image, out);
}

void dump_json(const Image& image, std::FILE* out) {
  Json aliases = Json::array();
  for (const types::AliasRecord& alias : image.table<types::AliasRecord>(Table::aliases)) {
    aliases.push_back({{"name", image.text(alias.name)}, {"type", alias.type}});
  }
  const Json all{{"object", image.text(image.header().object_path)},
                 {"debug", image.text(image.header().debug_path)},
                 {"build_id", hex(image.build_id())},
                 {"segments", json_of_regions(image, Table::segments)},
                 {"sections", json_of_regions(image, Table::sections)},
                 {"types", json_of_types(image)},
                 {"aliases", std::move(aliases)},
                 {"statics", json_of_statics(image, image.statics())},
                 {"tls", json_of_statics(image, image.tls())},
                 {"functions", json_of_functions(image)},
                 {"sites", json_of_sites(image)},
                 {"containers", json_of_containers(image)},
                 {"virtual_tables", json_of_virtual_tables(image)}};
  fmt::print(out, "{}\n", all.dump(1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace allocs::tool
