// SPDX-License-Identifier: Apache-2.0
#include "toolchain/memo/entry.h"

#include <gtest/gtest.h>

namespace allocs::memo {
namespace {

Entry an_entry() {
  return {.key = {1, 2},
          .state = {3, 4},
          .dependencies = {{DependencyKind::file, "/usr/include/a.h"},
                           {DependencyKind::file, "/usr/include/bits/a.h"},
                           {DependencyKind::file, "relative"},
                           {DependencyKind::listing, "/usr/lib/gcc"},
                           {DependencyKind::variable, "CPATH"}},
          .has_succeeded = true,
          .text = std::string_view("a list\nwith a \0 in it", 21)};
}

// The bytes of an entry with others in their place, and the sum that belongs to these.
std::string with_sum(std::string bytes) {
  constexpr std::size_t kSumEnd = 24;
  const Hash128 sum = sum_of(std::string_view(bytes).substr(kSumEnd));
  return bytes.replace(8, sizeof(sum), reinterpret_cast<const char*>(&sum), sizeof(sum));
}

TEST(Entry, IsReadAsItWasWritten) {
  std::string bytes = encode(an_entry());
  EXPECT_EQ(decode(bytes), an_entry());
  bytes = encode(Entry{});
  EXPECT_EQ(decode(bytes), Entry{});
  Entry failed = an_entry();
  failed.has_succeeded = false;
  failed.text = {};
  bytes = encode(failed);
  EXPECT_EQ(decode(bytes), failed);
}

TEST(Entry, HasItsTextWhereReadersOfWordsWantIt) {
  for (const char* name : {"", "a", "abcdefghijk", "abcdefghijklmnopqrstuvwxyz"}) {
    Entry entry = an_entry();
    entry.dependencies.push_back({DependencyKind::variable, name});
    const std::string bytes = encode(entry);
    const auto read = decode(bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ((read->text.data() - bytes.data()) % static_cast<std::ptrdiff_t>(kTextAlignment), 0);
    EXPECT_EQ(*read->text.end(), '\0');
  }
}

TEST(Entry, HasASumOfAllItsBytes) {
  std::string bytes(200, 'x');
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Hash128 whole = sum_of({bytes.data(), size});
    for (std::size_t at = 0; at < size; ++at) {
      bytes[at] = 'y';
      EXPECT_NE(sum_of({bytes.data(), size}), whole) << at << " of " << size;
      bytes[at] = 'x';
    }
    EXPECT_NE(sum_of({bytes.data(), size + 1}), whole);
  }
}

TEST(Entry, NamesThatBeginAlikeTakeLittle) {
  Entry entry;
  for (int i = 100; i < 200; ++i) {
    entry.dependencies.push_back(
        {DependencyKind::file, "/usr/include/x86_64-linux-gnu/bits/" + std::to_string(i)});
  }
  EXPECT_LT(encode(entry).size(), 700u);
}

TEST(Entry, ThatIsCutIsNone) {
  const std::string bytes = encode(an_entry());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode(bytes.substr(0, size))) << size;
  }
  for (std::size_t size = 24; size < bytes.size(); ++size)
    EXPECT_FALSE(decode(with_sum(bytes.substr(0, size)))) << size;
  EXPECT_FALSE(decode(bytes + 'x'));
  EXPECT_FALSE(decode(with_sum(bytes + 'x')));
}

TEST(Entry, WithAnyByteChangedIsNone) {
  const std::string bytes = encode(an_entry());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(decode(changed)) << at;
  }
}

TEST(Entry, WhoseNamesTogetherAreTooLongIsNone) {
  Entry entry;
  for (int i = 0; i < 100; ++i)
    entry.dependencies.push_back({DependencyKind::file, std::string(1 << 20, 'x')});
  EXPECT_FALSE(decode(encode(entry)));
  entry.dependencies.resize(3);
  EXPECT_TRUE(decode(encode(entry)));
}

TEST(Entry, WithAnUnknownKindIsNone) {
  Entry entry = an_entry();
  entry.dependencies[0].kind = DependencyKind::count_;
  EXPECT_FALSE(decode(encode(entry)));
}

}  // namespace
}  // namespace allocs::memo
