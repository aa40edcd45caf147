// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/site_memo.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "declarations/environment.h"
#include "toolchain/plugin/memo_key.h"

namespace allocs::plugin {

SiteMemo::SiteMemo(std::span<const char* const> command) : began_ns_(now_ns()) {
  const std::string directory = memo_directory("sites");
  if (directory.empty()) return;
  declared_ = declarations::declared_here().hash;
  const std::vector<std::string_view> words(command.begin(), command.end());
  const auto key = memo_key(words, declared_);
  if (!key) return;
  key_ = *key;
  memo_.emplace(memo::Store(directory));
}

std::optional<memo::Outcome> SiteMemo::recall() const {
  return memo_ ? memo_->recall(key_) : std::nullopt;
}

void SiteMemo::remember(memo::Outcome outcome, const memo::DependencyRecord& record) const {
  // The reader has read the declarations once more, meanwhile.
  if (!memo_ || declarations::declared_here().hash != declared_) return;
  memo_->remember(key_, std::move(outcome), record, began_ns_);
}

}  // namespace allocs::plugin
