// SPDX-License-Identifier: Apache-2.0
#include "meta/heads_in_front.h"

#include <algorithm>
#include <map>
#include <optional>

#include <utility>

#include "meta/code_paths.h"
#include "meta/headed_block.h"
#include "meta/possible_numbers.h"

// Blocks that begin with one of several structures, as long strings have another head than short ones.
//
//     size_t head = n < 256 ? sizeof(struct small) : sizeof(struct large);           3 or 5
//     char *block = malloc(head + n + 1), *text = block + head;
//     if (n < 256) { struct small *h = (struct small *)(text - sizeof *h); h->length = n; }
//     else { struct large *h = (struct large *)(text - sizeof *h); h->length = n; }
//
// No pointer says what the block is, and of the sizes nothing but numbers is left. But two witnesses that know nothing of each other
// speak of the same structures:
//   - the size is one of a few numbers, and something that is none of them;
//   - as far as that number behind the block's start, `text`, there is a place from which variables of the debug information lie as
//     many bytes back as what they point at is large. (Or they are where the block starts, where the number was known on that way.)
// The numbers must be the sizes of these structures, one by one: a number without a structure may be anything, as a structure without
// a number may. The code at which one of these variables is alive leads to none of the others: else they are no alternatives, but
// one behind the other or several views. No pointer into the block has a type that is none of these, but for bytes and for
// what nobody says a type of. A head of one byte is a byte: there is no structure to be seen, but a pointer to bytes just in front of the text.
//
// A function that makes longer strings of strings, `text = make_room(text)`, may have variables for the head of the old one only. It
// returns either that text or the new one, so both are the same: then the variables in front of the old one are a witness, if the code
// itself reads or writes the new block's start as the first members of all these structures, and in front of the new text nothing else
// than members.
//
// Most calls are done with when it is seen that no two variables of structures point there. The code is decoded only for the others.
//
// Not looked at: on which way the size is which number. Padding in front of the smaller structure, as large as the larger one has more, would not
// be seen.
//
// Rejected: to believe the numbers alone, where the object has just one structure of each size. Nobody knows what else is 3 or 5 bytes.
namespace allocs::meta {

using types::Kind;
using types::kNoType;
using types::TypeIndex;
using types::TypeRecord;

namespace {

constexpr std::int64_t kLargestHead = 4096;
constexpr std::int64_t kTerminator = 1;  // bytes behind what is not known

struct CodeRange {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

// A variable that points into the block: `value` is its own.
struct InnerPointer {
  TypeIndex type = kNoType;  // of what it points at
  Value value;
  CodeRange alive;
};

class HeadSearch {
 public:
  HeadSearch(const FunctionInObject& in, const FunctionFlow& flow, const CallFact& call, int size,
             std::span<const TypeIndex> others)
      : in_(in),
        flow_(flow),
        call_(call),
        size_(call.arguments[static_cast<std::size_t>(size)]),
        others_(others) {}

  // By variables that point into the block.
  std::vector<TypeIndex> by_own_pointers() {
    if (!may_be_several_sizes()) return {};
    block_.emplace(flow_, call_, size_);
    if (!block_->may_be_several_sizes()) return {};
    block_->find_addresses();
    is_found_ = true;
    find_pointers();
    if (structures().size() < 2) return {};
    const CodePaths paths{in_.object, in_.linkage, flow_.low, flow_.high};
    if (!block_->find_sizes({in_.object, flow_, paths.code()}) || !find_heads(paths)) return {};
    return types();
  }

  bool may_be_like_another() {
    if (!is_found_ || !structures().empty() || !block_->may_be_like_another()) return false;
    const CodePaths paths{in_.object, in_.linkage, flow_.low, flow_.high};
    return block_->find_sizes({in_.object, flow_, paths.code()}) &&
           !block_->distances_of_ends().empty();
  }

  // By those in front of what the function returns else. The flow must be of all origins.
  std::vector<TypeIndex> by_pointers_to_alike() {
    block_.emplace(flow_, call_, size_);
    block_->find_addresses();
    const CodePaths paths{in_.object, in_.linkage, flow_.low, flow_.high};
    if (!block_->find_sizes({in_.object, flow_, paths.code()})) return {};
    block_->find_ends_alike();
    find_pointers();
    if (structures().size() < 2 || !find_heads(paths) || !is_used_so(paths)) return {};
    return types();
  }

 private:
  struct Head {
    TypeIndex type = kNoType;
    std::int64_t size = 0;
    std::vector<CodeRange> alive;
  };

  bool may_be_several_sizes() const {
    const AtomKind kind = flow_.atoms[size_.atom].kind;
    return (kind == AtomKind::sum || kind == AtomKind::choice) && flow_.is_complete &&
           !flow_.has_cut_choices && in_.function != nullptr && call_.return_address != 0;
  }

  bool find_heads(const CodePaths& paths) {
    return are_heads_all() && are_sizes_of_heads() && are_alternatives(paths);
  }
  std::vector<TypeIndex> types() const {
    std::vector<TypeIndex> found;
    for (const Head& head : heads_) found.push_back(head.type);
    return found;
  }

  // --- pointers

  void find_pointers() {
    const TypedVariables variables{in_.model, in_.optimised, in_.function};
    const ResultTypes no_results;
    const PointerTypes pointers{in_.model, in_.statics, variables, flow_, no_results};
    for (const HoldFact& hold : flow_.holds) {
      if (!block_->may_point_into(hold.value)) continue;
      for (const auto& stay : variables.stays_in_register(hold.gpr, hold.low, hold.high()))
        add_pointer(pointee_of(in_.model.types, stay.type), hold.value, {stay.low, stay.high});
      for (const ComputedPointer& one : variables.computed_from(hold.gpr, hold.low, hold.high())) {
        Value value = hold.value;
        value.addend = plus(value.addend, one.addend.value_or(0));
        if (!one.addend) value = Value::of(kAnything);
        add_pointer(pointee_of(in_.model.types, one.type), value,
                    {std::max(hold.low, one.low), std::min(hold.high(), one.high())});
      }
    }
    for (const StoreFact& store : flow_.stores) {
      if (!block_->may_point_into(store.value)) continue;
      for (const TypeIndex type : pointers.declared_targets(store.access, store.after))
        add_pointer(type, store.value, {store.after, store.after + 1});
    }
  }

  void add_pointer(TypeIndex type, const Value& value, const CodeRange& alive) {
    if (type == kNoType || type == types::TypeGraph::kVoid) return;
    pointers_.push_back({type, value, alive});
  }

  std::vector<TypeIndex> structures() const {
    std::vector<TypeIndex> found;
    for (const InnerPointer& pointer : pointers_) {
      const bool is_new = std::ranges::find(found, pointer.type) == found.end();
      if (is_new && in_.model.types[pointer.type].kind == Kind::composite)
        found.push_back(pointer.type);
    }
    return found;
  }

  // --- heads

  // False if any pointer contradicts.
  bool are_heads_all() {
    for (const InnerPointer& pointer : pointers_) {
      const TypeRecord& type = in_.model.types[pointer.type];
      const auto size = static_cast<std::int64_t>(type.size);
      if (is_character(type)) {
        if (block_->from_end(pointer.value, true) == -1) byte_ = pointer.type;
        continue;
      }
      const bool is_head = type.kind == Kind::composite && size > 0 && size <= kLargestHead;
      if (!is_head) return false;
      if (!block_->is_start(pointer.value) && block_->from_end(pointer.value, true) != -size)
        return false;
      add_head(pointer, size);
    }
    return std::ranges::all_of(others_, [&](TypeIndex type) {
      return type == types::TypeGraph::kVoid || is_character(in_.model.types[type]) ||
             std::ranges::find(heads_, type, &Head::type) != heads_.end();
    });
  }

  void add_head(const InnerPointer& pointer, std::int64_t size) {
    auto head = std::ranges::find(heads_, pointer.type, &Head::type);
    if (head == heads_.end()) head = heads_.insert(heads_.end(), {pointer.type, size, {}});
    head->alive.push_back(pointer.alive);
  }

  bool are_sizes_of_heads() {
    Numbers sizes;
    for (const Head& head : heads_) sizes.insert(head.size);
    const Numbers requested = block_->requested();
    const Numbers& ends = block_->distances_of_ends();
    if (ends.contains(1) && sizes.insert(1).second) {
      if (byte_ == kNoType) return false;
      heads_.push_back({byte_, 1, {}});
    }
    const std::int64_t more = plus(*requested.begin(), -*sizes.begin());
    Numbers with_more;
    for (const std::int64_t n : sizes) with_more.insert(plus(n, more));
    return more >= 0 && more <= kTerminator && requested == with_more &&
           (ends.empty() || ends == sizes);
  }

  // --- uses

  struct Use {
    std::int64_t from_end = 0;  // negative
    std::uint8_t size = 0;
  };

  // Whether the block's start is read or written as the first member of each head, and what is in front of the end as nothing but members.
  bool is_used_so(const CodePaths& paths) const {
    const std::vector<Use> uses = uses_before_end(paths);
    const bool are_members = std::ranges::all_of(uses, [&](const Use& use) {
      return std::ranges::any_of(heads_, [&](const Head& head) {
        return size_of_member(head, head.size + use.from_end) != 0;
      });
    });
    return are_members && std::ranges::all_of(heads_, [&](const Head& head) {
             const std::uint64_t first = size_of_member(head, 0);
             return first != 0 && std::ranges::any_of(uses, [&](const Use& use) {
                      return use.from_end == -head.size && use.size >= first &&
                             use.size <= head.size;
                    });
           });
  }

  std::vector<Use> uses_before_end(const CodePaths& paths) const {
    std::vector<Use> found;
    for (const HoldFact& hold : flow_.holds) {
      const auto distance = block_->from_end(hold.value, false);
      if (!distance) continue;
      const auto& code = paths.code();
      auto at = std::ranges::lower_bound(code, hold.low, {}, &Instruction::address);
      for (; at != code.end() && at->address < hold.high(); ++at) {
        if (at->operation == Operation::take_address) continue;
        for (const Operand* operand : {&at->first, &at->second}) {
          const MemoryPlace place = operand->memory();
          const bool is_there = operand->is_memory() && place.known && place.base == hold.gpr &&
                                place.index == Register::none;
          const std::int64_t at_end = plus(*distance, place.displacement);
          if (is_there && at_end < 0) found.push_back({at_end, operand->size});
        }
      }
    }
    return found;
  }

  // Of the member that starts there; 0 if none does.
  std::uint64_t size_of_member(const Head& head, std::int64_t offset) const {
    const types::TypeGraph& graph = in_.model.types;
    if (graph[head.type].kind != Kind::composite) return offset == 0 ? 1 : 0;
    for (const types::MemberRecord& member : graph.members_of(head.type)) {
      const bool is_there = member.type != kNoType && types::has_place(member) &&
                            static_cast<std::int64_t>(member.offset) == offset;
      if (is_there) return graph[member.type].size;
    }
    return 0;
  }

  // --- ways

  // Whether no way leads from where one of them is alive to where another is, but by another call or another end of a head.
  bool are_alternatives(const CodePaths& paths) const {
    return std::ranges::all_of(heads_, [&](const Head& head) {
      const std::vector<bool> reached = reached_from(paths, head.alive);
      return std::ranges::all_of(heads_, [&](const Head& other) {
        return &head == &other || !is_any_in(paths, other.alive, reached);
      });
    });
  }

  std::vector<bool> reached_from(const CodePaths& paths, std::span<const CodeRange> from) const {
    const std::vector<Instruction>& code = paths.code();
    std::vector<bool> reached(code.size());
    std::vector<std::size_t> todo;
    const auto reach = [&](std::size_t i) {
      if (i >= code.size() || reached[i] || begins_anew(code[i])) return;
      reached[i] = true;
      todo.push_back(i);
    };
    for (std::size_t i = 0; i < code.size(); ++i) {
      if (is_in(code[i], from)) reach(i);
    }
    while (!todo.empty()) {
      const std::size_t i = todo.back();
      todo.pop_back();
      const Instruction& now = code[i];
      if (!paths.ends_way(now)) reach(i + 1);
      if (now.operation != Operation::jump && now.operation != Operation::branch) continue;
      paths.for_each_target_of(i, reach);
    }
    return reached;
  }
  bool begins_anew(const Instruction& instruction) const {
    return instruction.address == call_.at || block_->is_end_made_before(instruction.end());
  }
  static bool is_in(const Instruction& instruction, std::span<const CodeRange> ranges) {
    return std::ranges::any_of(ranges, [&](const CodeRange& range) {
      return instruction.address < range.high && instruction.end() > range.low;
    });
  }
  static bool is_any_in(const CodePaths& paths, std::span<const CodeRange> ranges,
                        const std::vector<bool>& reached) {
    for (std::size_t i = 0; i < reached.size(); ++i) {
      if (reached[i] && is_in(paths.code()[i], ranges)) return true;
    }
    return false;
  }

  const FunctionInObject& in_;
  const FunctionFlow& flow_;
  const CallFact& call_;
  const Value size_;
  std::span<const TypeIndex> others_;
  std::optional<HeadedBlock> block_;
  bool is_found_ = false;
  std::vector<InnerPointer> pointers_;
  std::vector<Head> heads_;
  TypeIndex byte_ = kNoType;
};

}  // namespace

std::vector<TypeIndex> heads_in_front(const FunctionInObject& in, const CallFact& call, int size,
                                      std::span<const TypeIndex> others) {
  HeadSearch search{in, in.flow, call, size, others};
  std::vector<TypeIndex> found = search.by_own_pointers();
  if (!found.empty() || !search.may_be_like_another()) return found;
  const FunctionFlow all = in.follow_all();
  const auto same = std::ranges::find(all.calls, call.at, &CallFact::at);
  if (same == all.calls.end()) return {};
  return HeadSearch{in, all, *same, size, others}.by_pointers_to_alike();
}

}  // namespace allocs::meta
