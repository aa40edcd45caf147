// SPDX-License-Identifier: Apache-2.0
#include "meta/headed_block.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <tuple>
#include <utility>

namespace allocs::meta {
namespace {

constexpr int kDeepest = 12;
constexpr std::size_t kMostChoices = 64;
constexpr int kMostSteps = 200;

bool is_any_from(std::span<const Value> sources, const std::vector<bool>& from) {
  return std::ranges::any_of(
      sources, [&](const Value& source) { return source.factor == 1 && from[source.atom]; });
}

// What PossibleNumbers could say something of: quick, and often yes.
bool may_be_number(const AtomTable& atoms, const Value& value, int& steps) {
  if (value.is_constant()) return true;
  const Atom& atom = atoms[value.atom];
  const std::span<const Value> sources = atoms.sources_of(atom);
  if (sources.empty() || ++steps > kMostSteps) return false;
  if (atom.kind == AtomKind::choice) {
    return std::ranges::all_of(
        sources, [&](const Value& source) { return may_be_number(atoms, source, steps); });
  }
  if (atom.kind != AtomKind::opaque) return false;
  if (sources.size() > 1) return sources[0] == sources[1];
  return atoms[sources[0].atom].kind == AtomKind::opaque || may_be_number(atoms, sources[0], steps);
}

template <typename Test>
void until_nothing_changes(const AtomTable& atoms, std::vector<bool>& is_found, Test test) {
  for (bool changed = true; changed;) {
    changed = false;
    for (AtomId id = 0; id < atoms.size(); ++id) {
      if (is_found[id] || !test(atoms[id], id)) continue;
      is_found[id] = changed = true;
    }
  }
}

}  // namespace

HeadedBlock::HeadedBlock(const FunctionFlow& flow, const CallFact& call, const Value& size)
    : flow_(flow), atoms_(flow.atoms), result_(call.result), size_(size) {}

bool HeadedBlock::may_be_several_sizes() const {
  const std::vector<Value> sizes = choices_in(size_);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    std::vector<Value> terms;
    std::int64_t addend = 0;
    int steps = 0;
    if (!add_terms(sizes[i], 0, terms, addend)) return false;
    const bool has_numbers = terms.size() > 1 && std::ranges::any_of(terms, [&](const Value& term) {
                               return may_be_number(atoms_, term, steps);
                             });
    // On each way another constant.
    const bool is_as_before = i > 0 && !sizes[i].is_constant() &&
                              sizes[i].atom == sizes[i - 1].atom &&
                              sizes[i].factor == sizes[i - 1].factor;
    if (has_numbers || is_as_before) return true;
  }
  return false;
}

void HeadedBlock::find_addresses() {
  find_block();
  find_derived();
}

bool HeadedBlock::find_sizes(const PossibleNumbers& numbers) {
  return find_ends(numbers) && find_requests(numbers);
}

Numbers HeadedBlock::requested() const {
  Numbers all;
  for (const Request& request : requests_)
    all.insert(request.numbers.begin(), request.numbers.end());
  return all;
}

bool HeadedBlock::is_end_made_before(std::uint64_t pc) const {
  return std::ranges::any_of(ends_, [&](const End& end) { return atoms_[end.sum].pc == pc; });
}

bool HeadedBlock::may_be_like_another() const {
  const std::vector<Value> all = returned();
  return std::ranges::any_of(all, [&](const Value& one) { return is_sum_with_block(one); }) &&
         std::ranges::any_of(all, [&](const Value& one) { return is_another_place(one); });
}

bool HeadedBlock::may_point_into(const Value& value) const {
  return value.factor == 1 && (is_derived_[value.atom] ||
                               std::ranges::find(alike_, value.atom, &Value::atom) != alike_.end());
}

bool HeadedBlock::is_start(const Value& value) const {
  return is_block_[value.atom] && value.addend == 0 && is_own(value);
}
bool HeadedBlock::is_end(AtomId atom) const {
  return std::ranges::find(ends_, atom, &End::sum) != ends_.end();
}

std::optional<std::int64_t> HeadedBlock::from_end(const Value& value, bool of_alike) const {
  const std::vector<Value> all = choices_in(value);
  std::optional<std::int64_t> found;
  for (const Value& one : all) {
    if (is_end(one.atom)) found = one.addend;
    const auto alike = std::ranges::find(alike_, one.atom, &Value::atom);
    if (of_alike && alike != alike_.end()) found = plus(one.addend, -alike->addend);
  }
  const bool is_everywhere =
      found && std::ranges::all_of(all, [&](const Value& one) {
        if (one.factor != 1) return false;
        if (is_end(one.atom)) return one.addend == *found;
        const auto alike = std::ranges::find(alike_, one.atom, &Value::atom);
        if (of_alike && alike != alike_.end()) return plus(one.addend, -alike->addend) == *found;
        return is_block_[one.atom] && distances_.contains(plus(one.addend, -*found));
      });
  return is_everywhere ? found : std::nullopt;
}

// The result, what other calls return that are asked for the same, and choices between these and nothing.
void HeadedBlock::find_block() {
  is_block_.assign(atoms_.size(), false);
  is_block_[result_] = true;
  const std::vector<Value> asked = choices_in(size_);
  for (const CallFact& call : flow_.calls) {
    const bool is_alike = std::ranges::any_of(call.arguments, [&](const Value& argument) {
      if (argument == size_) return true;
      const Atom& atom = atoms_[argument.atom];
      const bool may_be =
          atom.kind == AtomKind::choice &&
          std::ranges::any_of(atoms_.sources_of(atom), [&](const Value& source) {
            return source == size_ || std::ranges::find(asked, source) != asked.end();
          });
      return may_be && choices_in(argument) == asked;
    });
    if (is_alike && call.result != kConstant) is_block_[call.result] = true;
  }
  until_nothing_changes(atoms_, is_block_, [&](const Atom& atom, AtomId id) {
    if (atom.kind != AtomKind::choice || !is_any_from(atoms_.sources_of(atom), is_block_))
      return false;
    return std::ranges::all_of(atoms_.sources_of(atom), [&](const Value& source) {
      return source == Value::constant(0) ||
             (source.is_atom() && (is_block_[source.atom] || source.atom == id));
    });
  });
}

bool HeadedBlock::is_own(const Value& value) const {
  return std::ranges::any_of(
      choices_in(value), [&](const Value& one) { return one.atom == result_ && one.factor == 1; });
}

// What the value may be, choices between choices taken to pieces.
std::vector<Value> HeadedBlock::choices_in(const Value& value) const {
  std::vector<Value> all{value}, found;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i == kMostChoices) return {value};  // a pointer that a loop moves, for one
    const Value one = all[i];
    const Atom& atom = atoms_[one.atom];
    if (atom.kind != AtomKind::choice || one.factor != 1) {
      found.push_back(one);
      continue;
    }
    for (const Value& source : atoms_.sources_of(atom)) {
      const Value moved{source.atom, source.factor, plus(source.addend, one.addend)};
      if (std::ranges::find(all, moved) == all.end()) all.push_back(moved);
    }
  }
  std::ranges::sort(found, {}, [](const Value& v) {
    return std::tuple{v.atom, v.factor, v.addend};
  });
  return found;
}

// Addresses at some distance from the block, or perhaps of something else.
void HeadedBlock::find_derived() {
  is_derived_ = is_block_;
  until_nothing_changes(atoms_, is_derived_, [&](const Atom& atom, AtomId) {
    const bool is_made_of_others = atom.kind == AtomKind::choice || atom.kind == AtomKind::sum ||
                                   atom.kind == AtomKind::opaque;
    return is_made_of_others && is_any_from(atoms_.sources_of(atom), is_derived_);
  });
}

bool HeadedBlock::is_sum_with_block(const Value& value) const {
  const Atom& atom = atoms_[value.atom];
  return atom.kind == AtomKind::sum && value.is_atom() &&
         is_any_from(atoms_.sources_of(atom), is_block_);
}
bool HeadedBlock::is_another_place(const Value& value) const {
  return !value.is_constant() && value.factor == 1 && !is_derived_[value.atom];
}

// The sums of the block and one of several numbers. False if they are not all of the same numbers, or of other blocks only.
bool HeadedBlock::find_ends(const PossibleNumbers& numbers) {
  bool has_own_end = false;
  for (AtomId id = 0; id < atoms_.size(); ++id) {
    const Atom& atom = atoms_[id];
    if (atom.kind != AtomKind::sum) continue;
    for (std::size_t side = 0; side < 2; ++side) {
      const Value& block = atoms_.sources_of(atom)[side];
      const Value& distance = atoms_.sources_of(atom)[1 - side];
      if (block.factor != 1 || !is_block_[block.atom] || distance.is_constant()) continue;
      Numbers found;
      for (const std::int64_t n : numbers.of(distance)) found.insert(plus(n, block.addend));
      if (found.size() < 2) continue;
      if (!distances_.empty() && found != distances_) return false;
      distances_ = found;
      ends_.push_back({id, distance.atom});
      has_own_end = has_own_end || is_own(block);
    }
  }
  return ends_.empty() || has_own_end;
}

std::vector<Value> HeadedBlock::returned() const {
  std::vector<Value> found;
  for (const Value& value : flow_.returns) {
    const std::vector<Value> all = choices_in(value);
    found.insert(found.end(), all.begin(), all.end());
  }
  return found;
}

// What is returned if none of the sums is.
void HeadedBlock::find_ends_alike() {
  const std::vector<Value> all = returned();
  const bool is_any_end =
      std::ranges::any_of(all, [&](const Value& one) { return one.is_atom() && is_end(one.atom); });
  if (!is_any_end) return;
  std::ranges::copy_if(all, std::back_inserter(alike_),
                       [&](const Value& one) { return is_another_place(one); });
}

bool HeadedBlock::find_requests(const PossibleNumbers& numbers) {
  for (const Value& size : choices_in(size_)) {
    if (!add_request(numbers, size)) return false;
  }
  const std::vector<Value>* unknown = nullptr;
  for (const Request& request : requests_) {
    if (request.unknown.empty()) continue;
    if (unknown != nullptr && *unknown != request.unknown) return false;
    unknown = &request.unknown;
  }
  return unknown != nullptr && std::ranges::all_of(requests_, [&](const Request& request) {
           return is_independent(*unknown, request.chooser) && is_behind(request.chooser);
         });
}

bool HeadedBlock::add_request(const PossibleNumbers& numbers, const Value& value) {
  Request request;
  std::vector<Value> terms;
  std::int64_t addend = 0;
  if (!add_terms(value, 0, terms, addend)) return false;
  for (const Value& term : terms) {
    const Numbers found = numbers.of(term);
    if (found.empty()) {
      request.unknown.push_back(term);
    } else if (request.chooser != kConstant) {
      return false;  // which of them is the head's?
    } else {
      request.chooser = term.atom;
      request.numbers = found;
    }
  }
  if (request.chooser == kConstant) request.numbers = {0};
  Numbers moved;
  for (const std::int64_t n : request.numbers) moved.insert(plus(n, addend));
  request.numbers = moved;
  std::ranges::sort(request.unknown, {}, [](const Value& term) {
    return std::pair{term.atom, term.factor};
  });
  requests_.push_back(request);
  return true;
}

bool HeadedBlock::add_terms(const Value& value, int depth, std::vector<Value>& terms,
                            std::int64_t& addend) const {
  if (depth > kDeepest) return false;
  addend = plus(addend, value.addend);
  if (value.is_constant()) return true;
  if (value.factor == 1 && atoms_[value.atom].kind == AtomKind::sum) {
    return std::ranges::all_of(atoms_.sources_of(value.atom), [&](const Value& source) {
      return add_terms(source, depth + 1, terms, addend);
    });
  }
  terms.push_back({value.atom, value.factor, 0});
  return true;
}

// Whether nothing of the unknown part is made of what chooses the head.
bool HeadedBlock::is_independent(std::span<const Value> unknown, AtomId chooser) const {
  return chooser == kConstant || std::ranges::none_of(unknown, [&](const Value& term) {
           const auto made_of = atoms_.ingredients(term);
           return std::ranges::find(made_of, chooser) != made_of.end();
         });
}
// Whether it is that by which the ends of the heads are chosen as well.
bool HeadedBlock::is_behind(AtomId chooser) const {
  return chooser == kConstant || std::ranges::all_of(ends_, [&](const End& end) {
           const auto made_of = atoms_.ingredients(Value::of(end.chooser));
           return std::ranges::find(made_of, chooser) != made_of.end();
         });
}

}  // namespace allocs::meta
