// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <limits>
#include <utility>

#include "meta/member_uses.h"

namespace allocs::meta {

// Looks for an answer. If that depends on one that is still being looked for further up, it holds only as long as that is, and is forgotten.
class MemberUses::Search {
 public:
  static constexpr int kNoneOpen = std::numeric_limits<int>::max();

  explicit Search(MemberUses& uses)
      : uses_(uses),
        depth_(uses.depth_++),
        shallowest_outside_(std::exchange(uses.shallowest_open_, kNoneOpen)),
        lent_outside_(std::exchange(uses.lent_, nullptr)) {
    ++uses.searches_;
  }
  ~Search() {
    const int shallowest = depends_on_others() ? uses_.shallowest_open_ : kNoneOpen;
    uses_.shallowest_open_ = std::min(shallowest, shallowest_outside_);
    uses_.lent_ = lent_outside_;
    --uses_.depth_;
  }
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;

  bool depends_on_others() const { return uses_.shallowest_open_ < depth_; }
  // Ends the search of an answer that is kept in `answers` under `key`.
  template <typename Answers>
  MemoryUse keep(Answers& answers, const typename Answers::key_type& key, const MemoryUse& use) {
    if (depends_on_others())
      answers.erase(key);
    else
      answers[key] = {use, depth_, false};
    return use;
  }

 private:
  MemberUses& uses_;
  int depth_;
  int shallowest_outside_;
  LentMemory* lent_outside_;
};

}  // namespace allocs::meta
