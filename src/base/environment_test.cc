// SPDX-License-Identifier: Apache-2.0
#include "base/environment.h"

#include <gtest/gtest.h>

namespace allocs {
namespace {

TEST(Environment, AVariableHasItsWholeNameAndAnyValue) {
  EXPECT_STREQ(value_of_variable("HOME=/root", "HOME"), "/root");
  EXPECT_STREQ(value_of_variable("HOME=", "HOME"), "");
  EXPECT_STREQ(value_of_variable("HOME==a=b", "HOME"), "=a=b");
  for (const char* const other : {"HOMES=/root", "HOM=/root", "HOME", "home=/root", "=HOME", ""})
    EXPECT_EQ(value_of_variable(other, "HOME"), nullptr) << other;
}

}  // namespace
}  // namespace allocs
