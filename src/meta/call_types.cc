// SPDX-License-Identifier: Apache-2.0
//
// clang 22 and later say of a call what it allocates (DW_AT_LLVM_alloc_type of its DW_TAG_call_site; the draft of DWARF 6 calls it
// DW_AT_alloc_type). It is the T of `new T` and of `new T[n]` alike, so the function that is called has to tell which:
//
//     call _Znwm, T                   one T
//     call _Znam, T                   T[]; or, if a T has a destructor, the number of them and then T[]
//     call of another function, T     T[], if it does not ask for just one
//
// Whether there is a number in front is not said. Where the size leaves both possible, nothing is told. That a new-expression makes a T
// is certain. Of other calls the standard lets compilers guess.
#include "meta/call_types.h"

#include <algorithm>
#include <unordered_map>

namespace allocs::meta {

using types::kNoType;
using types::SiteOrigin;
using types::SiteShape;
using types::TypeIndex;

namespace {

constexpr std::uint64_t kCookie =
    8;  // Itanium C++ ABI 2.7: at least; as large as the alignment, if that is more

bool calls(const CallInstruction& call, std::string_view prefix) {
  return std::any_of(call.callees.begin(), call.callees.end(),
                     [&](std::string_view name) { return name.starts_with(prefix); });
}

class CallTypeReader {
 public:
  CallTypeReader(const DwarfFacts& facts, std::span<const TypeIndex> index_of,
                 types::TypeGraph& types)
      : types_(types) {
    for (const CallType& each : facts.call_types) {
      const TypeIndex type = each.type < index_of.size() ? index_of[each.type] : kNoType;
      const auto [at, is_new] = type_at_.try_emplace(each.return_address, type);
      if (!is_new && at->second != type) at->second = kNoType;
    }
  }

  ToldSite read(const CallInstruction& call) {
    const auto found = type_at_.find(call.return_address);
    if (call.return_address == 0 || found == type_at_.end() || found->second == kNoType) return {};
    const TypeIndex type = found->second;
    const std::uint64_t size = types_[type].size;
    if (types_[type].kind == types::Kind::subprogram || size == 0 || size == types::kUnknownSize)
      return {};
    const bool is_new_array = calls(call, "_Zna");
    const bool is_new = is_new_array || calls(call, "_Znw");
    types::SiteKind kind{};
    kind.origin = SiteOrigin::new_expression;
    const bool is_one = is_new ? !is_new_array : call.constant_size == size;
    kind.shape = is_one ? SiteShape::one : SiteShape::array;
    if (is_new_array && may_be_counted(type, call)) return {};
    ToldSite told = told_site(kind, type, kNoType, types_);
    told.evidence |= types::kSiteCallEntry;
    if (!is_new) told.provenance = types::Provenance::call_entry;
    return told;
  }

 private:
  // Whether a number may lie in front of as many as fill the rest of a block that could as well be filled by them alone. With arrays in
  // arrays, what they are of counts.
  bool may_be_counted(TypeIndex type, const CallInstruction& call) const {
    TypeIndex element = type;
    while (types_[element].kind == types::Kind::array) element = types_[element].target;
    if (types_[element].kind != types::Kind::composite) return false;
    const std::uint64_t cookie = std::max(kCookie, types_.alignment_of(element));
    const std::uint64_t size = types_[type].size;
    if (call.constant_size == 0) return cookie % size == 0;
    // Of a known size: if it holds the number, told as an array it would not fit.
    return call.constant_size > cookie && (call.constant_size - cookie) % size == 0;
  }

  types::TypeGraph& types_;
  std::unordered_map<std::uint64_t, TypeIndex> type_at_;  // by return address; kNoType: several
};

}  // namespace

std::vector<ToldSite> read_call_types(const DwarfFacts& facts, std::span<const TypeIndex> index_of,
                                      std::span<const CallInstruction> calls,
                                      types::TypeGraph& types) {
  std::vector<ToldSite> told(calls.size());
  if (facts.call_types.empty()) return told;
  CallTypeReader reader{facts, index_of, types};
  for (std::size_t i = 0; i < calls.size(); ++i) told[i] = reader.read(calls[i]);
  return told;
}

}  // namespace allocs::meta
