// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "meta/code_scan.h"
#include "meta/linkage.h"
#include "types/write/object_model.h"

namespace allocs::meta {

// Which functions of this object a call through a pointer may lead to, by the pointer's type.
class PossibleCallees {
 public:
  // Nothing is copied: all must outlive this, and no longer change.
  PossibleCallees(const types::ObjectModel& model, const Linkage& linkage, const CodeScan& scan)
      : model_(model), linkage_(linkage), scan_(scan) {}

  // The entries of functions whose address is in data or taken by code, and which could be called as a `function`, a subprogram: with
  // as many arguments, each of the same type, or one of the two a pointer to something and the other a `void *`. Functions without a prototype are among them.
  //
  // Context: one thread at a time.
  const std::vector<std::uint64_t>& of_type(types::TypeIndex function);

  // Whether one could be called as the other: pointers, numbers of a size and so on stand where they do in the other, whatever the
  // pointers lead to.
  bool are_passed_alike(types::TypeIndex function, types::TypeIndex as) const;
  // Whether what is passed in argument register `n` is an argument of a `function`.
  bool is_passed(types::TypeIndex function, int n) const;

 private:
  void find_taken();
  bool may_be_called_as(types::TypeIndex function, types::TypeIndex as) const;
  bool is_known(types::TypeIndex function) const;
  bool has_prototype(types::TypeIndex function) const;

  const types::ObjectModel& model_;
  const Linkage& linkage_;
  const CodeScan& scan_;
  bool has_taken_ = false;
  std::vector<const types::FunctionRecord*> taken_;
  std::map<types::TypeIndex, std::vector<std::uint64_t>> of_types_;
};

}  // namespace allocs::meta
