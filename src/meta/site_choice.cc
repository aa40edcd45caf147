// SPDX-License-Identifier: Apache-2.0
#include "meta/site_choice.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <unordered_set>

#include "meta/typed_places.h"

// Targets propose types, the requested size disposes.
//
//     struct s *p = malloc(48)           48 == sizeof(struct s)       one
//     struct s *p = malloc(n * 48)       stride 48                    an array
//     struct s *p = malloc(480)          a multiple                   an array
//     int *p = malloc(n)                 no idea                      an array, on the target's word alone
//     char *p = new char[n]              bytes                        an array; of malloc(n) that would be the target's word alone
//     struct s *p = malloc(n)            no idea                      nothing: so are headers allocated
//     struct s *p = malloc(50)           neither                      nothing
//     struct s **p = malloc(n * 8 + k * 24)   24 is a structure's      nothing: it is behind
//     struct f *p = malloc(16 + n)       f ends in a flexible array   one, flexible
//     struct f *p = malloc(128)          f ends in item[1], 24 each   one, flexible, if 128 - sizeof(struct f) is a multiple of 24
//
// Ranks, best first: the size is sizeof(T) or its stride is; the size is a multiple; nothing is known of the size. The types of the best
// rank that is reached must be one type. Three kinds of disagreement have an answer:
//   - a pointer to characters beside a pointer to something that the size fits: the characters are a view of the bytes; beside one to
//     something that the size does not fit, or if a pointer to anything else is made of it (`(struct head *)(bytes + n)`), nothing;
//   - of a class and its base of the same size, the class;
// Two kinds of agreement are not believed, because nobody can tell:
//   - a structure that is smaller than the block, when another structure starts with it and has exactly the size of the block;
//   - a structure and a power of two of bytes behind it, which looks like a header before a buffer;
// and one witness alone: a member that points to bytes, where the request is a number that could be a head, and more.
// Some are believed, but no more than the pointer alone is: the size fits something else as well. So is one T more than a number of them (a head, or the number that `new` puts in front),
// a T where another class has it as its base and is no larger, and several scalars in what a temporary may have owned.
namespace allocs::meta {

using types::Kind;
using types::kNoType;
using types::MemberRecord;
using types::Shape;
using types::TypeGraph;
using types::TypeIndex;
using types::TypeRecord;

namespace {

constexpr int kDeepest = 16;
constexpr std::uint8_t kSizesFit = types::kSiteConstantSizeFits | types::kSiteStrideFits;
constexpr std::size_t kMostContainers = 1000;

enum class Rank : std::uint8_t { unknown, multiple, exact };

struct Proposal {
  TypeIndex type = kNoType;
  std::uint8_t evidence = 0;
  Rank rank = Rank::unknown;
  Shape shape = Shape::unknown;
};

// Where a trailing array begins whose length the type does not say: T[], T[0], and T[1] before there was T[].
struct OpenEnd {
  std::uint64_t offset = 0;
  bool is_certain = false;    // not T[1]
  std::uint64_t element = 0;  // bytes, of T[1]
};
std::optional<OpenEnd> open_end(const TypeGraph& graph, TypeIndex type, int depth = 0) {
  const TypeRecord& record = graph[type];
  if (record.kind != Kind::composite || record.count == 0 || depth > kDeepest) return std::nullopt;
  std::optional<OpenEnd> found;
  for (const MemberRecord& member : graph.members_of(type)) {
    if (member.type == kNoType || !types::has_place(member)) continue;
    const TypeRecord& inner = graph[member.type];
    if (inner.kind == Kind::array) {
      const bool certain = inner.count == types::kUnbounded || inner.count == 0 ||
                           (member.flags & types::kMemberFlexible) != 0;
      if (certain) return OpenEnd{member.offset, true};
      const bool is_last = member.offset + inner.size + 8 > record.size;
      if (inner.count == 1 && is_last) found = OpenEnd{member.offset, false, inner.size};
    } else if (const auto nested = open_end(graph, member.type, depth + 1)) {
      const OpenEnd end{member.offset + nested->offset, nested->is_certain, nested->element};
      if (end.is_certain) return end;
      if (end.offset + 16 > record.size) found = end;
    }
  }
  return found;
}

bool looks_like_header(const TypeRecord& type, std::int64_t bytes) {
  constexpr std::uint64_t kSmallestBuffer = 256;
  const std::uint64_t rest = static_cast<std::uint64_t>(bytes) - type.size;
  return type.kind == Kind::composite && rest >= kSmallestBuffer && std::has_single_bit(rest);
}

// Not a constant, and what it has beyond the part that is not known is what lies in front of the open end, or all of T; perhaps with
// one byte more, for a terminator.
bool is_head_and_more(const LinearForm& bytes, std::int64_t size, const OpenEnd& end) {
  constexpr std::int64_t kSmallestHead =
      8;  // a smaller number is one that programs add for other reasons
  const auto head = static_cast<std::int64_t>(end.offset);
  const auto is = [&](std::int64_t n) { return bytes.addend == n || bytes.addend == n + 1; };
  return !bytes.is_constant() && bytes.addend >= kSmallestHead && (is(head) || is(size));
}

// T has an open end: the request is at least what comes before it, and something not known.
std::optional<Proposal> judge_flexible(Proposal proposal, const TypeRecord& type,
                                       const OpenEnd& end, const LinearForm& bytes) {
  constexpr std::int64_t kMostExtra = 64;  // what programs add for a terminator or for alignment
  const auto size = static_cast<std::int64_t>(type.size);
  proposal.shape = Shape::flexible;
  if (bytes.is_unknown()) return proposal;
  if (bytes.addend < static_cast<std::int64_t>(end.offset)) return std::nullopt;
  if (!bytes.is_constant() && bytes.addend > size + kMostExtra) return std::nullopt;
  proposal.rank = Rank::exact;
  if (bytes == LinearForm{0, size}) proposal.shape = Shape::one;
  if (bytes == LinearForm{0, size} || is_head_and_more(bytes, size, end))
    proposal.evidence |= types::kSiteConstantSizeFits;
  return proposal;
}

// `list->bytes = malloc(sizeof *packed + n)`: a member that points to bytes keeps something else now and then.
bool is_behind_head(const SiteTarget& target, const LinearForm& bytes) {
  constexpr std::int64_t kSmallestHead = 4;
  const bool is_member_alone = target.evidence == types::kSiteTargetField;
  return is_member_alone && !bytes.is_unknown() && bytes.addend >= kSmallestHead;
}

// As many bytes as compilers put in front of the elements of `new T[n]`, for their number.
std::uint64_t cookie_of(const TypeRecord& type) {
  constexpr std::uint64_t kWord = 8;
  return std::max(kWord, std::uint64_t{1} << type.align_log2);
}

// `malloc(sizeof(T) + n * 16)`, where a T has 16 bytes: n + 1 of them, or one and something behind it.
bool may_have_head(const TypeRecord& type, const LinearForm& bytes, AllocationKind kind) {
  return type.kind == Kind::composite && !bytes.is_constant() && bytes.addend != 0 &&
         (kind != AllocationKind::new_array ||
          bytes.addend == static_cast<std::int64_t>(cookie_of(type)));
}

// Compares the request with T; nothing if T is contradicted.
std::optional<Proposal> judge(const TypeGraph& graph, const Containers& containers,
                              const SiteTarget& target, const RequestSize& request,
                              AllocationKind kind) {
  const TypeRecord& type = graph[target.type];
  if (type.kind == Kind::void_ || type.kind == Kind::subprogram || type.size == 0 ||
      type.size == types::kUnknownSize) {
    return std::nullopt;
  }
  const auto size = static_cast<std::int64_t>(type.size);
  const LinearForm& bytes = request.bytes;
  // A class that holds nothing stands for memory that is aligned like it.
  if (type.kind == Kind::composite && type.count == 0 && !bytes.is_constant()) return std::nullopt;
  Proposal proposal{target.type, target.evidence, Rank::unknown, Shape::array};

  const auto end = open_end(graph, target.type);
  if (end && end->is_certain) return judge_flexible(proposal, type, *end, bytes);
  if (end && !bytes.is_constant() && !bytes.is_unknown() && bytes.addend != 0) {
    return judge_flexible(proposal, type, *end, bytes);
  }

  // As many as fit behind T[1], or several of the whole? (`sizeof(struct list) + 4 * sizeof(struct item)`) It begins with one in either case.
  if (end && bytes.is_constant() && bytes.addend > size && !request.element) {
    const auto rest = static_cast<std::uint64_t>(bytes.addend) - type.size;
    const bool fits_behind = end->element != 0 && rest % end->element == 0;
    if (fits_behind && (end->element > 1 || bytes.addend % size == 0))
      return judge_flexible(proposal, type, *end, bytes);
  }

  if (request.element && *request.element == size && !bytes.is_constant()) {
    proposal.rank = Rank::exact;
    proposal.evidence |= types::kSiteStrideFits;
    return proposal;
  }
  if (bytes.is_constant()) {
    if (bytes.addend <= 0 || bytes.addend % size != 0) return std::nullopt;
    // 1 fits anything. And several structures may be one, and something behind it that happens to be as large.
    const bool tells = size != 1 && (bytes.addend == size || type.kind != Kind::composite);
    if (tells) proposal.evidence |= types::kSiteConstantSizeFits;
    if (bytes.addend == size) {
      proposal.rank = Rank::exact;
      proposal.shape = kind == AllocationKind::new_array ? Shape::array : Shape::one;
      return proposal;
    }
    if (type.kind == Kind::composite && size == 1) return std::nullopt;  // an empty class
    proposal.rank = Rank::multiple;
    if (request.element && *request.element == size) {
      proposal.rank = Rank::exact;
      proposal.evidence |= types::kSiteStrideFits;
    } else if (containers.has_of_size(target.type, static_cast<std::uint64_t>(bytes.addend)) ||
               looks_like_header(type, bytes.addend)) {
      return std::nullopt;
    }
    return proposal;
  }
  if (size == 1) {
    // `new char[n]` asks for bytes, and is no more than that.
    if (kind == AllocationKind::new_array && type.kind != Kind::composite && target.is_direct) {
      proposal.rank = Rank::exact;
      return proposal;
    }
    if (type.kind == Kind::composite || is_behind_head(target, bytes)) return std::nullopt;
    proposal.rank = Rank::multiple;
    return proposal;
  }
  if (bytes.is_unknown()) {
    // C++ asks for so many elements; C puts structures in front of other things.
    const bool is_new = kind == AllocationKind::new_one || kind == AllocationKind::new_array;
    if (type.kind == Kind::composite && !is_new) return std::nullopt;
    return proposal;
  }
  if (bytes.stride % size != 0 || bytes.addend % size != 0) return std::nullopt;
  // Another part is rather of that structure, whose size is a multiple of this one's by chance.
  const bool is_other_part =
      bytes.part != 0 && bytes.part != size &&
      containers.has_structure_of_size(static_cast<std::uint64_t>(bytes.part));
  if (is_other_part) return std::nullopt;
  proposal.rank = bytes.stride == size ? Rank::exact : Rank::multiple;
  if (proposal.rank == Rank::multiple &&
      containers.has_of_size(target.type, static_cast<std::uint64_t>(bytes.stride))) {
    return std::nullopt;
  }
  // Several structures may be one and something behind it, or a piece of memory that begins with one.
  // `8 * sizeof *p + n * 24` is two parts as well. `(100000 * n + 34) * sizeof *p` is not: nothing is so large of which there are n.
  constexpr std::int64_t kLargestElement = 4096;
  const bool counts_many =
      bytes.stride > kLargestElement &&
      !containers.has_structure_of_size(static_cast<std::uint64_t>(bytes.stride));
  const bool is_one_part =
      proposal.rank == Rank::exact || bytes.addend % bytes.stride == 0 || counts_many;
  const bool is_scalar = type.kind != Kind::composite;
  const bool tells =
      is_scalar ? is_one_part : proposal.rank == Rank::exact && !may_have_head(type, bytes, kind);
  if (tells) proposal.evidence |= types::kSiteStrideFits;
  return proposal;
}

std::vector<Proposal> judge_all(const TypeGraph& graph, const Containers& containers,
                                std::span<const SiteTarget> targets, const RequestSize& size,
                                AllocationKind kind) {
  std::vector<Proposal> proposals;
  for (const SiteTarget& target : targets) {
    if (auto proposal = judge(graph, containers, target, size, kind)) {
      if (target.may_be_another && proposal->rank != Rank::exact) proposal->evidence &= ~kSizesFit;
      const auto same = std::find_if(proposals.begin(), proposals.end(),
                                     [&](const Proposal& p) { return p.type == proposal->type; });
      if (same == proposals.end()) {
        proposals.push_back(*proposal);
      } else {
        same->evidence |= proposal->evidence;
      }
    }
  }
  return proposals;
}

void keep_best_rank(std::vector<Proposal>& proposals) {
  Rank best = Rank::unknown;
  for (const Proposal& p : proposals) best = std::max(best, p.rank);
  std::erase_if(proposals, [&](const Proposal& p) { return p.rank != best; });
}

// Characters beside something else that the size speaks for. Where no size does, both stay.
void drop_views_as_bytes(const TypeGraph& graph, std::vector<Proposal>& proposals) {
  const bool other_fits = std::any_of(proposals.begin(), proposals.end(), [&](const Proposal& p) {
    return !is_character(graph[p.type]) && p.rank != Rank::unknown;
  });
  if (!other_fits) return;
  std::erase_if(proposals, [&](const Proposal& p) { return is_character(graph[p.type]); });
}

void drop_bases(const Containers& containers, std::vector<Proposal>& proposals) {
  const std::vector<Proposal> all = proposals;
  std::erase_if(proposals, [&](const Proposal& p) {
    return std::any_of(all.begin(), all.end(), [&](const Proposal& other) {
      return other.type != p.type && containers.starts_with(other.type, p.type);
    });
  });
}

// Programs hold memory of any type in pointers to characters, above all where they compute addresses. So a pointer of another type
// to the block, or to somewhere in it, leaves open what a pointer to characters would tell.
bool is_used_as_more_than_bytes(const TypeGraph& graph, std::span<const SiteTarget> targets,
                                std::span<const TypeIndex> targets_elsewhere) {
  const auto is_more = [&](TypeIndex type) { return !is_character(graph[type]); };
  return std::any_of(targets.begin(), targets.end(),
                     [&](const SiteTarget& target) { return is_more(target.type); }) ||
         std::any_of(targets_elsewhere.begin(), targets_elsewhere.end(), is_more);
}

// `*p++ = n; return p;`: a number in front of somebody else's memory.
bool is_used_elsewhere_as_other(const TypeGraph& graph, TypeIndex type,
                                std::span<const TypeIndex> targets_elsewhere) {
  return std::any_of(targets_elsewhere.begin(), targets_elsewhere.end(),
                     [&](TypeIndex other) { return other != type && !is_character(graph[other]); });
}

// Whether a T, or a part of one, is of the type `inner`.
bool has_inside(const TypeGraph& graph, TypeIndex type, TypeIndex inner, int depth = 0) {
  if (type == inner) return true;
  const TypeRecord& record = graph[type];
  if (depth > kDeepest) return true;  // nobody looks so far
  if (record.kind == Kind::array) return has_inside(graph, record.target, inner, depth + 1);
  if (record.kind != Kind::composite) return false;
  return std::ranges::any_of(graph.members_of(type), [&](const MemberRecord& member) {
    return member.type != kNoType && has_inside(graph, member.type, inner, depth + 1);
  });
}

// `void **block = malloc(4096); first = (struct item *)(block + 1)`: the numbers fit, but something else lies behind.
bool is_followed_by_other(const TypeGraph& graph, const Proposal& proposal,
                          std::span<const TypeIndex> targets_elsewhere) {
  if (proposal.shape != Shape::array) return false;
  return std::ranges::any_of(targets_elsewhere, [&](TypeIndex other) {
    return !is_character(graph[other]) && !has_inside(graph, proposal.type, other);
  });
}

// `base *p = new derived;` asks for as much as `new base`. A constructor that is called says which it is.
bool may_be_derived(const Containers& containers, const Proposal& best,
                    std::span<const TypeIndex> dynamic_types, AllocationKind kind) {
  return kind == AllocationKind::new_one && dynamic_types.empty() &&
         (best.evidence & types::kSiteArgument) == 0 &&
         containers.has_derived_of_same_size(best.type);
}

// `new T[3 * n]`, where some T's fill a cookie and a pointer to one gets an address further on: these, and their number in front.
bool may_be_counted(const TypeGraph& graph, TypeIndex type,
                    std::span<const TypeIndex> targets_elsewhere, AllocationKind kind) {
  const TypeRecord& record = graph[type];
  return kind == AllocationKind::new_array && record.kind == Kind::composite && record.size != 0 &&
         cookie_of(record) % record.size == 0 && std::ranges::count(targets_elsewhere, type) != 0;
}

// One if the targets agree, none if there are none that fit, several if they disagree.
std::vector<Proposal> choose_proposals(const TypeGraph& graph, const Containers& containers,
                                       std::span<const SiteTarget> targets, const RequestSize& size,
                                       AllocationKind kind) {
  std::vector<Proposal> proposals = judge_all(graph, containers, targets, size, kind);
  drop_views_as_bytes(graph, proposals);
  keep_best_rank(proposals);
  if (proposals.size() > 1) drop_bases(containers, proposals);
  return proposals;
}

}  // namespace

Containers::Containers(const TypeGraph& graph) : graph_(graph) {
  for (TypeIndex outer = 0; outer < graph.size(); ++outer) {
    if (graph[outer].kind != Kind::composite) continue;
    sizes_.insert(graph[outer].size);
    if (graph[outer].detail == static_cast<std::uint8_t>(types::CompositeKind::union_)) continue;
    for (const MemberRecord& member : graph.members_of(outer)) {
      if (member.offset != 0 || member.type == kNoType || !types::has_place(member)) continue;
      TypeIndex first = member.type;  // of an array, the element
      for (int depth = 0; graph[first].kind == Kind::array && depth < kDeepest; ++depth)
        first = graph[first].target;
      if (graph[first].kind == Kind::composite && graph[first].size != 0)
        outer_of_.emplace(first, outer);
    }
  }
}

bool Containers::has_of_size(TypeIndex type, std::uint64_t size) const {
  std::vector<TypeIndex> todo{type};
  std::unordered_set<TypeIndex> seen{type};
  for (std::size_t i = 0; i < todo.size() && i < kMostContainers; ++i) {
    const auto [begin, end] = outer_of_.equal_range(todo[i]);
    for (auto at = begin; at != end; ++at) {
      if (graph_[at->second].size == size) return true;
      if (seen.insert(at->second).second) todo.push_back(at->second);
    }
  }
  return todo.size() > kMostContainers;  // too many to say no
}

bool Containers::has_derived_of_same_size(TypeIndex type) const {
  const auto [begin, end] = outer_of_.equal_range(type);
  return std::any_of(begin, end, [&](const auto& one) {
    const auto members = graph_.members_of(one.second);
    return graph_[one.second].size == graph_[type].size &&
           std::ranges::any_of(members, [&](const MemberRecord& member) {
             return member.type == type && (member.flags & types::kMemberBaseClass) != 0;
           });
  });
}

bool Containers::starts_with(TypeIndex outer, TypeIndex inner) const {
  return outer != inner && starts_with(outer, inner, 0);
}

bool Containers::starts_with(TypeIndex outer, TypeIndex inner, int depth) const {
  if (outer == inner) return true;
  if (depth > kDeepest || graph_[outer].kind != Kind::composite) return false;
  if (graph_[outer].size < graph_[inner].size) return false;
  const auto members = graph_.members_of(outer);
  return std::any_of(members.begin(), members.end(), [&](const MemberRecord& member) {
    return member.offset == 0 && member.type != kNoType && types::has_place(member) &&
           starts_with(member.type, inner, depth + 1);
  });
}

SiteType choose_type(const TypeGraph& graph, const Containers& containers,
                     std::span<const SiteTarget> targets,
                     std::span<const TypeIndex> targets_elsewhere, std::span<const TypeIndex> rows,
                     std::span<const TypeIndex> dynamic_types, const RequestSize& size,
                     AllocationKind kind) {
  std::vector<SiteTarget> direct, indirect;
  for (const SiteTarget& target : targets) (target.is_direct ? direct : indirect).push_back(target);
  if (!dynamic_types.empty()) {
    const auto is_another = [&](const SiteTarget& target) {
      return std::none_of(dynamic_types.begin(), dynamic_types.end(), [&](TypeIndex type) {
        return type == target.type || containers.starts_with(target.type, type);
      });
    };
    std::erase_if(direct, is_another);
    std::erase_if(indirect, is_another);
    for (const TypeIndex type : dynamic_types) direct.push_back({type, 0, true});
  }
  std::vector<Proposal> proposals = choose_proposals(graph, containers, direct, size, kind);
  if (proposals.empty()) {
    // On the word of a place that may hold something else, nothing is believed that the size does not confirm.
    proposals = choose_proposals(graph, containers, indirect, size, kind);
    std::erase_if(proposals, [](const Proposal& p) { return p.rank == Rank::unknown; });
  }
  if (is_used_as_more_than_bytes(graph, targets, targets_elsewhere)) {
    std::erase_if(proposals, [&](const Proposal& p) { return is_character(graph[p.type]); });
  }
  std::erase_if(proposals, [&](const Proposal& p) {
    return p.rank == Rank::unknown && p.shape != Shape::flexible &&
           is_used_elsewhere_as_other(graph, p.type, targets_elsewhere);
  });
  SiteType answer;
  answer.conflict = proposals.size() > 1;
  if (proposals.size() != 1) return answer;

  const Proposal& best = proposals.front();
  answer.element = best.type;
  answer.shape = best.shape;
  answer.evidence = best.evidence;
  // `for (struct s *p = malloc(480); ...; ++p)`: there is more than one.
  const bool are_several = (best.rank == Rank::multiple && size.bytes.is_constant()) ||
                           (best.rank == Rank::exact && !size.bytes.is_constant());
  const bool is_row =
      are_several && best.shape == Shape::array && std::ranges::count(rows, best.type) != 0;
  if (is_row) answer.evidence |= types::kSiteStrideFits;
  if (is_followed_by_other(graph, best, targets_elsewhere))
    answer.evidence &= static_cast<std::uint8_t>(~kSizesFit);
  const bool is_doubted = may_be_derived(containers, best, dynamic_types, kind) ||
                          may_be_counted(graph, best.type, targets_elsewhere, kind);
  if (is_doubted) answer.evidence &= static_cast<std::uint8_t>(~kSizesFit);
  // `new` counts whole objects, but `operator new` is asked for any number of bytes.
  const bool counts_objects = kind == AllocationKind::new_array ||
                              (kind == AllocationKind::new_one && size.bytes.is_constant());
  const bool is_new =
      counts_objects && !is_doubted && !may_have_head(graph[best.type], size.bytes, kind);
  if (best.rank == Rank::unknown) {
    answer.provenance = types::Provenance::target;
  } else if (is_new && best.rank == Rank::exact) {
    answer.provenance = types::Provenance::new_expression;
  } else {
    answer.provenance = types::Provenance::inferred;
  }
  return answer;
}

}  // namespace allocs::meta
