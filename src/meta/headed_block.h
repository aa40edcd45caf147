// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "meta/possible_numbers.h"

namespace allocs::meta {

// The block that one call returns, as far as it may begin with a head whose size is one of several numbers: what addresses in it are, and
// what is asked for. A place that is one of these numbers behind its start is the *end of the head*.
class HeadedBlock {
 public:
  // `size` is what the call asks for. Keeps a reference to `flow`.
  HeadedBlock(const FunctionFlow& flow, const CallFact& call, const Value& size);

  // Else nothing more need be asked.
  bool may_be_several_sizes() const;
  // Before the following.
  void find_addresses();

  bool may_point_into(const Value& value) const;  // or to what is alike
  bool is_start(const Value& value) const;
  // Whether the function returns a place in the block, or something else.
  bool may_be_like_another() const;

  // Finds ends of the head, and the numbers in the size. False if these are not as they are for one head of several: they must be chosen together, and the
  // rest of the size must be made of something else.
  bool find_sizes(const PossibleNumbers& numbers);
  const Numbers& distances_of_ends() const { return distances_; }  // from the start; may be empty
  Numbers requested() const;                                       // in the size
  bool is_end_made_before(std::uint64_t pc) const;
  // From here on ends of heads are also what the function returns if it does not return one of the block's.
  void find_ends_alike();

  // How far the value is from the end of the head, of the block's or also of one that is alike. On some ways the number may be known, so
  // that the value is so far from the block's start.
  std::optional<std::int64_t> from_end(const Value& value, bool of_alike) const;

 private:
  // A sum of the block and of one of the numbers.
  struct End {
    AtomId sum = kConstant;
    AtomId chooser = kConstant;  // the atom that the numbers are those of
  };
  // One way to make the size: of one of the numbers, and of what is not known.
  struct Request {
    Numbers numbers;
    AtomId chooser = kConstant;  // kConstant of one number
    std::vector<Value> unknown;  // terms; none of a constant
  };

  void find_block();
  void find_derived();
  bool find_ends(const PossibleNumbers& numbers);
  bool find_requests(const PossibleNumbers& numbers);
  bool add_request(const PossibleNumbers& numbers, const Value& value);
  bool add_terms(const Value& value, int depth, std::vector<Value>& terms,
                 std::int64_t& addend) const;
  bool is_independent(std::span<const Value> unknown, AtomId chooser) const;
  bool is_behind(AtomId chooser) const;
  bool is_own(const Value& value) const;
  bool is_end(AtomId atom) const;
  bool is_sum_with_block(const Value& value) const;
  bool is_another_place(const Value& value) const;
  std::vector<Value> choices_in(const Value& value) const;
  std::vector<Value> returned() const;

  const FunctionFlow& flow_;
  const AtomTable& atoms_;
  const AtomId result_;
  const Value size_;
  std::vector<bool> is_block_;    // by atom
  std::vector<bool> is_derived_;  // likewise: perhaps at some distance from it
  std::vector<End> ends_;
  std::vector<Value> alike_;
  Numbers distances_;
  std::vector<Request> requests_;
};

}  // namespace allocs::meta
