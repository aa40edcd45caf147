// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace allocs::memo {

// Each test has an empty directory, which it leaves to nobody.
class FreshDirectory : public testing::Test {
 protected:
  FreshDirectory() {
    std::string path = testing::TempDir() + "/allocs-memo-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) std::abort();
    root_ = std::filesystem::canonical(path);
  }
  ~FreshDirectory() override {
    std::error_code error;
    std::filesystem::remove_all(root_, error);
  }

  std::string path(const std::string& name) const { return (root_ / name).string(); }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(path(name)) << content;
    return path(name);
  }

  std::filesystem::path root_;
};

}  // namespace allocs::memo
