// SPDX-License-Identifier: Apache-2.0
#include "meta/code_paths.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace allocs::meta {
namespace {

constexpr std::size_t kMostTableEntries = 4096;

void sort_without_repetition(std::vector<std::size_t>& indices) {
  std::ranges::sort(indices);
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
}

bool jumps_indirectly(const Instruction& i) {
  if (i.operation != Operation::jump || i.first.is_immediate()) return false;
  return !i.first.is_memory() || !i.first.memory().is_absolute();
}

class Names {
 public:
  Names(std::initializer_list<std::string_view> names)
      : names_(names), longest_(std::ranges::max(names, {}, &std::string_view::size).size()) {}
  // Most names of C++ are longer than any, and are not hashed.
  bool contains(std::string_view name) const {
    return name.size() <= longest_ && names_.contains(name);
  }

 private:
  std::unordered_set<std::string_view> names_;
  std::size_t longest_;
};

}  // namespace

CodePaths::CodePaths(const ElfFile& object, const Linkage& linkage, std::uint64_t low,
                     std::uint64_t high, std::vector<Instruction> room)
    : linkage_(linkage),
      low_(low),
      high_(high),
      code_(decode_code(object.bytes_at(low, high - low), low, std::move(room))),
      target_of_(code_.size(), kOutside) {
  bool needs_tables = false;
  for (std::size_t n = 0; n < code_.size(); ++n) {
    const Instruction& i = code_[n];
    needs_tables = needs_tables || jumps_indirectly(i);
    const bool is_jump = i.operation == Operation::jump || i.operation == Operation::branch;
    if (is_jump || i.operation == Operation::return_)
      turns_.push_back(static_cast<std::uint32_t>(n));
    if (!is_jump || !i.first.is_immediate()) continue;
    if (const auto target = index_of(static_cast<std::uint64_t>(i.first.number))) {
      target_of_[n] = static_cast<std::uint32_t>(*target);
      targets_.push_back(*target);
    }
  }
  if (needs_tables) read_jump_tables(object);
  sort_without_repetition(targets_);
}

void CodePaths::read_jump_tables(const ElfFile& object) {
  for (const Instruction& i : code_) {
    for (const Operand* operand : {&i.first, &i.second}) {
      if (operand->is_memory() && operand->base == Register::none) {
        read_jump_table(object, static_cast<std::uint64_t>(operand->number));
      } else if (operand->is_immediate() && i.operation == Operation::move) {
        read_jump_table(object, static_cast<std::uint64_t>(operand->number));
      }
    }
  }
  sort_without_repetition(table_targets_);
  targets_.insert(targets_.end(), table_targets_.begin(), table_targets_.end());
}

std::optional<std::size_t> CodePaths::index_of(std::uint64_t address) const {
  const auto at =
      std::lower_bound(code_.begin(), code_.end(), address,
                       [](const Instruction& i, std::uint64_t a) { return i.address < a; });
  if (at == code_.end() || at->address != address) return std::nullopt;
  return static_cast<std::size_t>(at - code_.begin());
}

// Any address of data that the code mentions may be a table: its entries are 32-bit offsets from the table, or 64-bit addresses,
// for as long as they lead to instructions of this piece. One too many only adds a way that is never taken.
void CodePaths::read_jump_table(const ElfFile& object, std::uint64_t table) {
  const Section* section = object.section_at(table);
  if (section == nullptr || (section->flags & SHF_EXECINSTR) != 0) return;
  for (std::size_t n = 0; n < kMostTableEntries; ++n) {
    const std::uint64_t entry = linkage_.callee_in_slot(table + 8 * n).address;
    if (entry < low_ || entry >= high_) break;
    const auto target = index_of(entry);
    if (!target) break;
    table_targets_.push_back(*target);
  }
  const std::span<const std::byte> bytes = section->bytes;
  for (std::size_t at = table - section->address; at + 4 <= bytes.size(); at += 4) {
    std::int32_t offset;
    std::memcpy(&offset, bytes.data() + at, 4);
    const auto target = index_of(table + static_cast<std::uint64_t>(std::int64_t{offset}));
    if (!target) break;
    table_targets_.push_back(*target);
  }
}

bool CodePaths::ends_way(const Instruction& i) const {
  switch (i.operation) {
    case Operation::jump:
    case Operation::return_:
    case Operation::stop:
      return true;
    case Operation::call:
      if (i.first.is_immediate()) {
        const auto target = static_cast<std::uint64_t>(i.first.number);
        return never_returns(linkage_.callee_at(target).name);
      }
      if (i.first.is_memory() && i.first.memory().is_absolute()) {
        const auto slot = static_cast<std::uint64_t>(i.first.number);
        const Callee callee = linkage_.callee_in_slot(slot);
        return never_returns(callee.name) && !callee.may_be_another;
      }
      return false;
    default:
      return false;
  }
}

bool returns_again(std::string_view function) {
  static const Names names{
      "__setjmp", "__sigsetjmp", "__vfork", "_setjmp", "getcontext", "setjmp", "sigsetjmp", "vfork",
  };
  return names.contains(function);
}

bool never_returns(std::string_view function) {
  static const Names names{
      "_Exit",
      "_Unwind_Resume",
      "_ZSt9terminatev",
      "__assert_fail",
      "__assert_perror_fail",
      "__chk_fail",
      "__clang_call_terminate",
      "__cxa_bad_cast",
      "__cxa_rethrow",
      "__cxa_throw",
      "__cxa_throw_bad_array_new_length",
      "__fortify_fail",
      "__longjmp_chk",
      "__stack_chk_fail",
      "_exit",
      "abort",
      "err",
      "errx",
      "exit",
      "longjmp",
      "pthread_exit",
      "quick_exit",
      "siglongjmp",
      "verr",
      "verrx",
  };
  if (names.contains(function)) return true;
  // std::__throw_length_error(char const*) and its like: _ZSt, the length of the name, the name.
  if (!function.starts_with("_ZSt")) return false;
  const std::size_t name = function.find("__throw_");
  return name == 5 || name == 6;
}

}  // namespace allocs::meta
