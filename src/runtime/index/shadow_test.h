// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/index/find_block.h"
#include "runtime/index/foreign_shadow.h"

// Shadows of address space that nobody owns, for tests. Leaves are mapped on demand, as in the real ones.
namespace allocs::index {

// Where the tables of a test lie.
class TestTables {
 public:
  TestTables() = default;
  ~TestTables() {
    for (const auto& [at, size] : mapped_) munmap(at, size);
  }
  TestTables(const TestTables&) = delete;
  TestTables& operator=(const TestTables&) = delete;

  void* reserve(std::size_t size) {
    void* const at = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT_NE(at, MAP_FAILED);
    mapped_.emplace_back(at, size);
    return at;
  }
  std::uint64_t* make_directory() {
    return static_cast<std::uint64_t*>(reserve(kRegionCount * sizeof(std::uint64_t)));
  }

  template <Granularity kG>
  struct LeafMaker {
    TestTables* tables;
    std::uint64_t* directory;
    std::uint64_t operator()(std::uint64_t region) const {
      if (region == tables->refused_region) return 0;
      void* const leaf = tables->reserve(leaf_size(kG));
      return directory[region] = biased(raw(address_of(leaf)), region, kG);
    }
  };
  template <Granularity kG, typename Store>
  auto writer(std::uint64_t* directory, Root& root, Store store) {
    using Maker = LeafMaker<kG>;
    return ShadowWriter<kG, Maker, Store>(directory, root, Maker{this, directory}, store);
  }

  std::uint64_t refused_region = ~std::uint64_t{0};

 private:
  std::vector<std::pair<void*, std::size_t>> mapped_;
};

// What tests of any shadow do. `Derived` has writer(store).
template <typename Derived>
class AnyTestShadow {
 public:
  void insert(std::uint64_t start, std::uint64_t size, std::uint32_t site = 7) {
    ASSERT_TRUE(self().writer().insert(start, size, site << kSiteShift));
  }
  void erase(std::uint64_t start) { self().writer().erase(start); }
  std::optional<Block> find(std::uint64_t a) const {
    return find_block(TrustedMemory{}, root_, Address{a});
  }
  Root& root() { return root_; }
  // There is no memory for the leaf of this region.
  void refuse(std::uint64_t region) { tables_.refused_region = region; }

 protected:
  TestTables tables_;
  Root root_{};

 private:
  Derived& self() { return static_cast<Derived&>(*this); }
};

template <Granularity kG>
class TestShadow : public AnyTestShadow<TestShadow<kG>> {
 public:
  TestShadow() : directory_(this->tables_.make_directory()) {
    this->root_.directory = address_of(directory_);
    if (kG.cell_shift == kCoarse.cell_shift) return;
    this->root_.fine_directory = address_of(directory_);
    this->root_.directory = address_of(this->tables_.make_directory());
  }
  template <typename Store = DirectStore>
  auto writer(Store store = {}) {
    return this->tables_.template writer<kG>(directory_, this->root_, store);
  }

 private:
  std::uint64_t* directory_;
};
using Coarse = TestShadow<kCoarse>;
using Fine = TestShadow<kFine>;

// The two over an allocator that is not glibc's.
class Foreign : public AnyTestShadow<Foreign> {
 public:
  Foreign() : coarse_(tables_.make_directory()), fine_(tables_.make_directory()) {
    root_.directory = address_of(coarse_);
    root_.fine_directory = address_of(fine_);
  }
  template <typename Store = DirectStore>
  auto writer(Store store = {}) {
    return ForeignShadowWriter(tables_.writer<kCoarse>(coarse_, root_, store),
                               tables_.writer<kFine>(fine_, root_, store), store);
  }

 private:
  std::uint64_t *coarse_, *fine_;
};

inline constexpr std::uint64_t kHere = 0x7f1234560010;

}  // namespace allocs::index
