// SPDX-License-Identifier: Apache-2.0
#include "meta/statics.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "meta/type_parts.h"

namespace allocs::meta {

using types::kNoType;
using types::kUnknownSize;
using types::StaticKind;
using types::StaticRecord;
using types::StringRef;
using types::TypeIndex;

namespace {

class Collector {
 public:
  Collector(const ObjectFiles& files, const DwarfFacts& facts, std::span<const TypeIndex> index_of,
            types::ObjectModel& model)
      : files_(files), facts_(facts), index_of_(index_of), model_(model) {}

  void run() {
    rank_symbols();
    add_functions();
    add_variables();
    // From here on an address that has a record keeps it.
    add_symbols();
    guess_sizes(model_.statics);
    guess_sizes(model_.tls);
  }

 private:
  struct RankedSymbol {
    const Symbol* symbol;
    StringRef name;
  };

  static bool is_thread_local(const Symbol& symbol) { return symbol.type == STT_TLS; }
  static bool is_function(const Symbol& symbol) {
    return symbol.type == STT_FUNC || symbol.type == STT_GNU_IFUNC;
  }

  bool is_wanted(const Symbol& symbol) const {
    if (symbol.section == SHN_UNDEF || symbol.section == SHN_ABS) return false;
    if (is_thread_local(symbol)) return true;
    if (!is_function(symbol) && symbol.type != STT_OBJECT && symbol.type != STT_COMMON)
      return false;
    return files_.object->section_at(symbol.value) != nullptr;
  }

  // Global before weak before local; then those with a size, the larger first; then the shorter name.
  void rank_symbols() {
    std::vector<RankedSymbol> ranked;
    for (const Symbol& symbol : files_.symbols) {
      if (is_wanted(symbol)) ranked.push_back({&symbol, model_.strings.add(symbol.name)});
    }
    const auto bind_rank = [](const Symbol& s) {
      return s.bind == STB_GLOBAL || s.bind == STB_GNU_UNIQUE ? 0 : s.bind == STB_WEAK ? 1 : 2;
    };
    const auto key = [&](const RankedSymbol& r) {
      return std::tuple{is_thread_local(*r.symbol), r.symbol->value,
                        bind_rank(*r.symbol),       ~r.symbol->size,
                        r.symbol->name.size(),      r.symbol->name};
    };
    std::sort(ranked.begin(), ranked.end(),
              [&](const auto& a, const auto& b) { return key(a) < key(b); });
    symbols_ = std::move(ranked);
  }

  std::span<const RankedSymbol> symbols_at(std::uint64_t address, bool thread_local_) const {
    const auto key = std::pair{thread_local_, address};
    const auto of = [](const RankedSymbol& r) {
      return std::pair{is_thread_local(*r.symbol), r.symbol->value};
    };
    const auto first =
        std::lower_bound(symbols_.begin(), symbols_.end(), key,
                         [&](const RankedSymbol& r, const auto& k) { return of(r) < k; });
    auto last = first;
    while (last != symbols_.end() && of(*last) == key) ++last;
    return {first, last};
  }

  // The symbol that goes with a name of the debug information: the one so called, else the best there.
  const RankedSymbol* symbol_for(std::span<const RankedSymbol> symbols, const Entity& entity,
                                 bool& is_same) const {
    const StringRef name = entity.linkage_name != 0 ? entity.linkage_name : entity.name;
    for (const RankedSymbol& symbol : symbols) {
      if (symbol.name != name) continue;
      is_same = true;
      return &symbol;
    }
    is_same = false;
    return symbols.empty() ? nullptr : &symbols.front();
  }

  // Clang leaves the name of a function out that it has inlined everywhere, but its statics' symbols have it: "f.x" or "f.x.1" in
  // C, "_ZZ<f>E1x" in C++.
  void qualify_by_symbol(StaticRecord& record) {
    std::string_view symbol = model_.strings[record.linkage_name];
    const std::string name{model_.strings[record.name]};
    std::string function;
    const std::size_t digits = symbol.find_last_not_of("0123456789");
    if (digits != std::string_view::npos && digits + 1 < symbol.size() && symbol[digits] == '.')
      symbol = symbol.substr(0, digits);
    if (symbol.size() > name.size() + 1 && symbol.ends_with(name) &&
        symbol[symbol.size() - name.size() - 1] == '.') {
      function = symbol.substr(0, symbol.size() - name.size() - 1);
    } else if (symbol.starts_with("_ZZ")) {
      function = function_of_local(std::string{symbol});
    }
    if (!function.empty()) record.name = model_.strings.add(function + "::" + name);
  }

  // "ns::f(int)::x" without the arguments: "ns::f".
  static std::string function_of_local(const std::string& symbol) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> text{
        abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), &std::free};
    if (status != 0 || text == nullptr) return {};
    const std::string_view whole{text.get()};
    const std::size_t end = whole.rfind(")::");
    if (end == std::string_view::npos) return {};
    std::size_t open = end;
    for (int depth = 0; open > 0; --open) {
      depth += whole[open] == ')' ? 1 : whole[open] == '(' ? -1 : 0;
      if (depth == 0) break;
    }
    return std::string{whole.substr(0, open)};
  }

  StaticRecord described(EntityIndex index, std::uint64_t address, bool thread_local_) {
    const Entity& entity = facts_.entities[index];
    StaticRecord record;
    record.address = address;
    record.name = full_name(facts_, index, model_.strings);
    record.linkage_name = entity.linkage_name;
    record.type = entity.type == kNoType ? kNoType : index_of_[entity.type];
    record.file = entity.file;
    record.line = entity.line;
    if (entity.is_external) record.flags |= types::kStaticExternal;
    bool is_same = false;
    const RankedSymbol* symbol = symbol_for(symbols_at(address, thread_local_), entity, is_same);
    if (symbol != nullptr) {
      if (!is_same || record.linkage_name == 0) record.linkage_name = symbol->name;
      record.size = is_same ? symbol->symbol->size : 0;
    }
    if (entity.owner != kNoEntity && facts_.entities[entity.owner].name == 0)
      qualify_by_symbol(record);
    if (record.linkage_name == record.name) record.linkage_name = 0;
    return record;
  }

  void add_functions() {
    for (const FunctionDraft& draft : facts_.functions) {
      for (std::uint32_t i = 0; i < draft.range_count; ++i) {
        const PcRange& range = facts_.ranges[draft.first_range + i];
        const bool is_entry = draft.entry >= range.low && draft.entry < range.high;
        if (!is_entry) {
          parts_.emplace(range.low, draft.entity);
          continue;
        }
        StaticRecord record = described(draft.entity, draft.entry, false);
        record.kind = StaticKind::function;
        record.size = range.high - draft.entry;
        if (record.name != 0) add(model_.statics, known_, record);
      }
    }
  }

  void add_variables() {
    for (const StaticDraft& draft : facts_.statics) {
      if (!draft.is_thread_local && files_.object->section_at(draft.address) == nullptr) continue;
      StaticRecord record = described(draft.entity, draft.address, draft.is_thread_local);
      if (draft.piece_size != 0 && !narrow_to_piece(record, draft)) continue;
      const std::uint64_t size =
          record.type == kNoType ? kUnknownSize : model_.types[record.type].size;
      // The symbol knows about a flexible array member's elements; the type, about all else.
      if (record.size == 0 && size != kUnknownSize) record.size = size;
      if (record.name == 0 || record.size == 0) continue;
      fit_array(record);
      add(draft.is_thread_local ? model_.tls : model_.statics,
          draft.is_thread_local ? known_tls_ : known_, record);
    }
  }

  // Makes it the member, or the element, that the piece holds. False if that is not one thing.
  bool narrow_to_piece(StaticRecord& record, const StaticDraft& draft) {
    if (record.name == 0) return false;
    std::string name{model_.strings[record.name]};
    const TypeIndex part =
        part_of(model_, record.type, draft.piece_offset, draft.piece_size, &name);
    if (part == kNoType) return false;
    record.name = model_.strings.add(name);
    record.type = part;
    record.size = draft.piece_size;
    return true;
  }

  void add_symbols() {
    for (const EntityIndex index : facts_.declared_variables) {
      const Entity& entity = facts_.entities[index];
      const StringRef name = entity.linkage_name != 0 ? entity.linkage_name : entity.name;
      if (name != 0 && entity.type != kNoType) declared_.try_emplace(name, index);
    }
    for (std::size_t first = 0; first < symbols_.size();) {
      const Symbol& symbol = *symbols_[first].symbol;
      const auto here = symbols_at(symbol.value, is_thread_local(symbol));
      first += here.size();
      add_symbol(best_of(here));
    }
  }

  // One that is declared is better than the first in rank.
  const RankedSymbol& best_of(std::span<const RankedSymbol> symbols) const {
    for (const RankedSymbol& ranked : symbols) {
      if (ranked.symbol->bind != STB_LOCAL && declared_.contains(ranked.name)) return ranked;
    }
    return symbols.front();
  }

  void add_symbol(const RankedSymbol& ranked) {
    const Symbol& symbol = *ranked.symbol;
    StaticRecord record;
    record.address = symbol.value;
    record.size = symbol.size;
    record.name = ranked.name;
    record.kind = is_function(symbol) ? StaticKind::function : StaticKind::object;
    record.flags = types::kStaticFromSymbolOnly;
    if (symbol.bind != STB_LOCAL) record.flags |= types::kStaticExternal;
    if (symbol.size == 0) record.flags |= types::kStaticSizeGuessed;
    if (record.kind == StaticKind::function) {
      describe_part(record);
    } else if (const auto found = declared_.find(ranked.name);
               found != declared_.end() && symbol.bind != STB_LOCAL) {
      describe_as_declared(record, found->second);
    }
    add(is_thread_local(symbol) ? model_.tls : model_.statics,
        is_thread_local(symbol) ? known_tls_ : known_, record);
  }

  // "f.cold" and the like: another piece of a function that the debug information knows.
  void describe_part(StaticRecord& record) const {
    const auto part = parts_.find(record.address);
    if (part == parts_.end()) return;
    const Entity& entity = facts_.entities[part->second];
    if (entity.type != kNoType) record.type = index_of_[entity.type];
    record.file = entity.file;
    record.line = entity.line;
    record.flags &= static_cast<std::uint8_t>(~types::kStaticFromSymbolOnly);
  }

  // Defined elsewhere and copied here by the loader, or defined in assembly: the declaration has the type.
  void describe_as_declared(StaticRecord& record, EntityIndex index) {
    const Entity& entity = facts_.entities[index];
    StaticRecord as_declared = record;
    as_declared.type = index_of_[entity.type];
    fit_array(as_declared);
    if (as_declared.type == kNoType || model_.types[as_declared.type].size != record.size) return;
    record = as_declared;
    record.file = entity.file;
    record.line = entity.line;
    record.flags &= static_cast<std::uint8_t>(~types::kStaticFromSymbolOnly);
    const StringRef name = full_name(facts_, index, model_.strings);
    if (name != record.name) {
      record.linkage_name = record.name;
      record.name = name;
    }
  }

  // An array declared without a length has the one that its symbol says.
  void fit_array(StaticRecord& record) {
    if (record.type == kNoType) return;
    const types::TypeRecord type = model_.types[record.type];
    if (type.kind != types::Kind::array || type.count != types::kUnbounded) return;
    const std::uint64_t element = model_.types[type.target].size;
    if (element == 0 || element == kUnknownSize || record.size == 0 || record.size % element != 0)
      return;
    record.type = model_.types.array_of(type.target, record.size / element);
  }

  using Known = std::unordered_map<std::uint64_t, std::uint32_t>;
  // The first keeps the address; but of constants that are equal, and so were merged, the one that others can name is better.
  static void add(std::vector<StaticRecord>& statics, Known& known, const StaticRecord& record) {
    const auto [at, is_new] =
        known.try_emplace(record.address, static_cast<std::uint32_t>(statics.size()));
    if (is_new) return statics.push_back(record);
    StaticRecord& first = statics[at->second];
    const bool is_described = (record.flags & types::kStaticFromSymbolOnly) == 0;
    if (record.kind == StaticKind::object && first.kind == StaticKind::object && is_described &&
        (record.flags & ~first.flags & types::kStaticExternal) != 0)
      first = record;
  }

  // Something without a size extends to whatever comes next.
  void guess_sizes(std::vector<StaticRecord>& statics) const {
    std::vector<std::uint64_t> starts;
    for (const StaticRecord& record : statics) starts.push_back(record.address);
    std::sort(starts.begin(), starts.end());
    for (StaticRecord& record : statics) {
      if ((record.flags & types::kStaticSizeGuessed) == 0) continue;
      const Section* section =
          &statics == &model_.tls ? nullptr : files_.object->section_at(record.address);
      std::uint64_t end = section == nullptr ? record.address : section->address + section->size;
      const auto next = std::upper_bound(starts.begin(), starts.end(), record.address);
      if (next != starts.end() && (section == nullptr || *next < end)) end = *next;
      record.size = end - record.address;
    }
    std::erase_if(statics, [](const StaticRecord& record) { return record.size == 0; });
  }

  const ObjectFiles& files_;
  const DwarfFacts& facts_;
  std::span<const TypeIndex> index_of_;
  types::ObjectModel& model_;
  std::vector<RankedSymbol> symbols_;
  std::unordered_map<std::uint64_t, EntityIndex> parts_;  // functions' further pieces
  std::unordered_map<StringRef, EntityIndex>
      declared_;  // variables that are defined elsewhere, by their symbol
  Known known_;
  Known known_tls_;
};

}  // namespace

void collect_statics(const ObjectFiles& files, const DwarfFacts& facts,
                     std::span<const TypeIndex> index_of, types::ObjectModel& model) {
  Collector{files, facts, index_of, model}.run();
}

}  // namespace allocs::meta
