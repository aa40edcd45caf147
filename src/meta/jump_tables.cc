// SPDX-License-Identifier: Apache-2.0
#include "meta/jump_tables.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "meta/code_paths.h"
#include "meta/switch_jumps.h"

// A jump table leaves no trace in symbols or debug information, either. Each indirect jump is asked for its table and the bound of its index
// (switch_jumps.h), and what that says is checked against the data: every entry leads to an instruction of the function, or of
// its cold part; no other address that the code takes lies inside the table; all jumps through it agree on its length. Where the table's
// address was loaded long before, outside a loop, the candidates are the addresses that the function puts into that register;
// the one whose entries all check is the table, if there is just one. Everything else is left out: the bytes stay "in .rodata".
namespace allocs::meta {

namespace {

constexpr std::uint64_t kMostEntries = 1 << 16;

class TableFinder {
 public:
  TableFinder(const ElfFile& object, const Linkage& linkage, const CodeScan& scan,
              std::span<const std::uint64_t> starts)
      : object_(object), linkage_(linkage), scan_(scan), starts_(starts) {
    for (const AddressTaken& reference : scan.references) taken_.insert(reference.target);
  }

  std::vector<JumpTable> find() {
    for (std::size_t i = 0; i < scan_.indirect_jumps.size();) {
      const std::uint64_t at = scan_.indirect_jumps[i];
      const auto [low, high] = function_around(at);
      std::vector<std::uint64_t> jumps;
      for (; i < scan_.indirect_jumps.size() && scan_.indirect_jumps[i] < high; ++i)
        jumps.push_back(scan_.indirect_jumps[i]);
      if (jumps.empty()) {
        ++i;
        continue;
      }
      read_function(low, high, jumps);
    }
    std::vector<JumpTable> tables;
    for (const auto& [address, table] : found_) {
      if (!doubtful_.contains(address) && !overlaps_next(table)) tables.push_back(table);
    }
    return tables;
  }

 private:
  std::pair<std::uint64_t, std::uint64_t> function_around(std::uint64_t at) const {
    const Section* section = object_.section_at(at);
    if (section == nullptr) return {at, at};
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), at);
    const std::uint64_t end = section->address + section->size;
    const std::uint64_t low =
        after == starts_.begin() ? section->address : std::max(*std::prev(after), section->address);
    return {low, after == starts_.end() ? end : std::min(*after, end)};
  }

  void read_function(std::uint64_t low, std::uint64_t high, std::span<const std::uint64_t> jumps) {
    const CodePaths paths{object_, linkage_, low, high};
    for (const std::uint64_t jump : jumps) {
      const auto index = paths.index_of(jump);
      const auto found = index ? switch_jump_at(paths, *index) : std::nullopt;
      if (!found || !found->count || *found->count == 0 || *found->count > kMostEntries) continue;
      JumpTable table{.count = *found->count, .entry_size = found->entry_size, .function = low};
      const auto address = found->table ? found->table : table_in_register(paths, *found, table);
      if (!address) continue;
      table.address = *address;
      if (is_sound(paths, table)) {
        accept(table);
      } else {
        doubtful_.insert(table.address);
      }
    }
  }

  // The one table among the addresses that the function puts into the register.
  std::optional<std::uint64_t> table_in_register(const CodePaths& paths, const SwitchJump& jump,
                                                 JumpTable table) {
    std::set<std::uint64_t> sound;
    for (const Instruction& i : paths.code()) {
      const bool is_address = i.operation == Operation::take_address && i.first.is_gpr() &&
                              i.first.gpr == jump.base && i.second.memory().is_absolute();
      if (!is_address) continue;
      table.address = static_cast<std::uint64_t>(i.second.number);
      if (is_sound(paths, table)) sound.insert(table.address);
    }
    if (sound.size() != 1) return std::nullopt;
    return *sound.begin();
  }

  bool is_sound(const CodePaths& paths, const JumpTable& table) {
    const std::uint64_t size = table.count * table.entry_size;
    const Section* section = object_.section_at(table.address);
    if (section == nullptr || (section->flags & SHF_EXECINSTR) != 0 ||
        table.address % table.entry_size != 0)
      return false;
    const std::uint64_t offset = table.address - section->address;
    if (offset > section->bytes.size() || size > section->bytes.size() - offset) return false;
    const auto next = taken_.upper_bound(table.address);
    if (next != taken_.end() && *next < table.address + size) return false;
    for (std::uint64_t i = 0; i < table.count; ++i) {
      const auto target = entry(*section, table, i);
      if (!target || !is_code_of(paths, *target)) return false;
    }
    return true;
  }

  std::optional<std::uint64_t> entry(const Section& section, const JumpTable& table,
                                     std::uint64_t index) const {
    const std::uint64_t at = table.address + index * table.entry_size;
    if (table.entry_size == 8) {
      const auto& pointers = linkage_.data_pointers();
      const auto found =
          std::lower_bound(pointers.begin(), pointers.end(), at,
                           [](const DataPointer& p, std::uint64_t place) { return p.at < place; });
      if (found == pointers.end() || found->at != at) return std::nullopt;
      return found->target;
    }
    std::int32_t distance;
    std::memcpy(&distance, section.bytes.data() + (at - section.address), sizeof(distance));
    return table.address + static_cast<std::uint64_t>(std::int64_t{distance});
  }

  // An instruction of the function that jumps, or of its part that the compiler has put elsewhere.
  bool is_code_of(const CodePaths& paths, std::uint64_t target) {
    if (paths.index_of(target)) return true;
    const auto [low, high] = function_around(target);
    if (low == high || !is_cold_part(paths.code().front().address, low)) return false;
    auto& cold = cold_parts_[low];
    if (cold.empty()) cold = decode_code(object_.bytes_at(low, high - low), low);
    return std::ranges::binary_search(cold, target, {}, &Instruction::address);
  }
  bool is_cold_part(std::uint64_t function, std::uint64_t part) const {
    for (const std::string_view name : linkage_.names_at(part)) {
      const std::size_t cold = name.find(".cold");
      if (cold == std::string_view::npos) continue;
      for (const std::string_view own : linkage_.names_at(function))
        if (own == name.substr(0, cold)) return true;
    }
    return false;
  }

  void accept(const JumpTable& table) {
    const auto [known, is_new] = found_.emplace(table.address, table);
    if (is_new) return;
    if (known->second.count != table.count || known->second.entry_size != table.entry_size)
      doubtful_.insert(table.address);
  }
  bool overlaps_next(const JumpTable& table) const {
    const auto next = found_.upper_bound(table.address);
    return next != found_.end() && next->first < table.address + table.count * table.entry_size;
  }

  const ElfFile& object_;
  const Linkage& linkage_;
  const CodeScan& scan_;
  std::span<const std::uint64_t> starts_;
  std::set<std::uint64_t> taken_;
  std::map<std::uint64_t, JumpTable> found_;
  std::set<std::uint64_t> doubtful_;
  std::map<std::uint64_t, std::vector<Instruction>> cold_parts_;
};

}  // namespace

std::vector<JumpTable> find_jump_tables(const ElfFile& object, const Linkage& linkage,
                                        const CodeScan& scan,
                                        std::span<const std::uint64_t> starts) {
  return TableFinder{object, linkage, scan, starts}.find();
}

void add_jump_tables(std::span<const JumpTable> tables, types::ObjectModel& model) {
  constexpr std::uint8_t kDwarfSigned = 5;       // DW_ATE_signed
  std::map<std::uint64_t, std::uint64_t> known;  // the end of each static by its start
  std::map<std::uint64_t, types::StringRef> names;
  for (const types::StaticRecord& record : model.statics) {
    const bool is_guessed = (record.flags & types::kStaticSizeGuessed) != 0;
    std::uint64_t& end = known[record.address];
    end = std::max(end, record.address + (is_guessed ? 1 : record.size));
    if (record.kind == types::StaticKind::function) names.emplace(record.address, record.name);
  }
  for (const JumpTable& table : tables) {
    const std::uint64_t end = table.address + table.count * table.entry_size;
    const auto after = known.lower_bound(end);
    if (after != known.begin() && std::prev(after)->second > table.address) continue;
    types::StaticRecord record;
    record.address = table.address;
    record.size = end - table.address;
    const auto name = names.find(table.function);
    record.name = model.strings.add(
        (name == names.end() ? std::string{} : std::string{model.strings[name->second]} + "::") +
        "(jump table)");
    const types::TypeIndex entry =
        table.entry_size == 4 ? model.types.base_type(kDwarfSigned, 4) : model.types.pointer_to(0);
    record.type = model.types.array_of(entry, table.count);
    record.kind = types::StaticKind::unnamed;
    record.flags = types::kStaticInferred;
    model.statics.push_back(record);
  }
}

}  // namespace allocs::meta
