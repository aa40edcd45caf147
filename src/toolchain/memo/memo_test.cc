// SPDX-License-Identifier: Apache-2.0
#include "toolchain/memo/memo.h"

#include "toolchain/memo/fresh_directory_test.h"

namespace allocs::memo {
namespace {

constexpr Hash128 kKey{1, 2};
constexpr std::uint64_t kMuchLater = std::uint64_t{1} << 62;  // ns: all files are old then

class MemoTest : public FreshDirectory {
 protected:
  Memo memo() const { return Memo(Store(path("cache"))); }
  // A computation that finds `missing` missing.
  DependencyRecord record() const {
    DependencyRecord record;
    record.saw_file(path("missing"), {});
    return record;
  }
};

TEST_F(MemoTest, RecallsAnOutcomeAsLongAsNothingChanges) {
  EXPECT_FALSE(memo().recall(kKey));
  memo().remember(kKey, {true, "text"}, record(), kMuchLater);
  EXPECT_EQ(memo().recall(kKey), (Outcome{true, "text"}));
  EXPECT_FALSE(memo().recall({1, 3}));
  write("missing", "");
  EXPECT_FALSE(memo().recall(kKey));
}

TEST_F(MemoTest, RecallsFailures) {
  memo().remember(kKey, {false, ""}, record(), kMuchLater);
  EXPECT_EQ(memo().recall(kKey), Outcome{});
}

TEST_F(MemoTest, RemembersNothingThatMayHaveChangedUnnoticed) {
  DependencyRecord listing;
  listing.listed(path("."));
  memo().remember(kKey, {true, "text"}, listing, 0);
  EXPECT_FALSE(memo().recall(kKey));
  memo().remember(kKey, {true, "text"}, listing, Memo::kTick);
  EXPECT_FALSE(memo().recall(kKey));
  EXPECT_FALSE(std::filesystem::exists(path("cache")));
  memo().remember(kKey, {true, "text"}, listing, kMuchLater);
  EXPECT_FALSE(memo().recall(kKey));  // "cache" is new in it
  memo().remember(kKey, {true, "text"}, listing, kMuchLater);
  EXPECT_TRUE(memo().recall(kKey));
}

TEST_F(MemoTest, DoesNotBelieveAnEntryUnderAnotherKey) {
  memo().remember(kKey, {true, "text"}, record(), kMuchLater);
  memo().remember({1, 4}, {true, "other"}, record(), kMuchLater);
  std::filesystem::copy_file(path("cache/0/0000000000000040000000000000001"),
                             path("cache/0/0000000000000020000000000000001"),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(memo().recall({1, 4}), (Outcome{true, "other"}));
  EXPECT_FALSE(memo().recall(kKey));
}

TEST_F(MemoTest, ADamagedEntryIsNone) {
  memo().remember(kKey, {true, "text"}, record(), kMuchLater);
  write("cache/0/0000000000000020000000000000001", "damaged");
  EXPECT_FALSE(memo().recall(kKey));
  memo().remember(kKey, {true, "text"}, record(), kMuchLater);
  EXPECT_TRUE(memo().recall(kKey));
}

}  // namespace
}  // namespace allocs::memo
