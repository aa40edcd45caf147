// SPDX-License-Identifier: Apache-2.0
#include "runt/link_map.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <link.h>

#include <map>
#include <string>
#include <vector>

#include "runt/self.h"

namespace allocs::runt {
namespace {

struct Loaded {
  std::string name;
  Module module;
  unsigned namespace_index;
};

std::vector<Loaded> read_own_link_maps() {
  std::vector<Loaded> all;
  const TrustedMemory memory;
  const AuxiliaryVector vector = self::auxiliary_vector();
  const auto executable = read_executable(memory, vector);
  if (!executable) return all;
  const auto rendezvous = find_rendezvous(memory, *executable);
  if (!rendezvous) return all;
  const LinkMapWalk walk =
      walk_link_maps(memory, *rendezvous, [&](const LinkMapEntry& entry, Address, unsigned index) {
        char name[512];
        EXPECT_TRUE(copy_text(memory, entry.name, name));
        const auto module = read_module(memory, entry, vector);
        EXPECT_TRUE(module) << name;
        if (module) all.push_back({name, *module, index});
        return true;
      });
  EXPECT_TRUE(walk.is_whole);
  return all;
}

TEST(LinkMap, HasWhatTheLoaderSaysItLoaded) {
  std::map<std::uint64_t, dl_phdr_info> expected;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* into) {
        static_cast<std::map<std::uint64_t, dl_phdr_info>*>(into)->emplace(info->dlpi_addr, *info);
        return 0;
      },
      &expected);
  const auto found = read_own_link_maps();
  EXPECT_EQ(found.size(), expected.size());
  for (const Loaded& loaded : found) {
    ASSERT_TRUE(expected.contains(loaded.module.bias.value)) << loaded.name;
    const dl_phdr_info& info = expected[loaded.module.bias.value];
    EXPECT_EQ(loaded.name, info.dlpi_name);
    EXPECT_EQ(loaded.module.program_headers.count, info.dlpi_phnum);
    EXPECT_NE(loaded.module.eh_frame_header.size(), 0u) << loaded.name;
    EXPECT_TRUE(loaded.module.eh_frame_segment.contains(loaded.module.eh_frame_header.begin))
        << loaded.name;
    const bool has_tls = info.dlpi_tls_modid != 0;
    EXPECT_EQ(loaded.module.tls_size != 0, has_tls) << loaded.name;
  }
}

TEST(LinkMap, EveryRangeBeginsWithThatFilesMapping) {
  int compared = 0;
  for (const Loaded& loaded : read_own_link_maps()) {
    const MappingAnswer first = self::mapping_of(loaded.module.range.begin);
    const MappingAnswer last = self::mapping_of(loaded.module.range.end - 1);
    ASSERT_EQ(first.certainty, Certainty::known) << loaded.name;
    EXPECT_EQ(last.certainty, Certainty::known) << loaded.name;
    EXPECT_EQ(first.mapping.range.begin, loaded.module.range.begin) << loaded.name;
    EXPECT_EQ(first.mapping.offset, FileOffset{0});
    if (!loaded.name.empty() && loaded.name[0] == '/') {
      std::string resolved(PATH_MAX, '\0');
      ASSERT_NE(realpath(loaded.name.c_str(), resolved.data()), nullptr);
      EXPECT_STREQ(first.mapping.name, resolved.c_str());
    }
    ++compared;
  }
  EXPECT_GT(compared, 3);
}

TEST(LinkMap, OtherNamespacesAreSeen) {
  void* handle = dlmopen(LM_ID_NEWLM, "libm.so.6", RTLD_NOW);
  if (handle == nullptr) GTEST_SKIP() << dlerror();
  bool seen = false;
  for (const Loaded& loaded : read_own_link_maps()) {
    seen |= loaded.namespace_index == 1 && loaded.name.find("libm.so.6") != std::string::npos;
  }
  EXPECT_TRUE(seen);
  dlclose(handle);
}

// A list that runs in a circle, in memory of our own making.
TEST(LinkMap, ACycleEnds) {
  struct {
    DebuggerRendezvous debug;
    LinkMapEntry entries[2];
  } image;
  image.debug = {
      .version = 2, .map = Address{0x1000 + sizeof(DebuggerRendezvous)}, .next = Address{0x1000}};
  image.entries[0].next = image.debug.map + sizeof(LinkMapEntry);
  image.entries[1].next = image.debug.map;
  const SpanMemory memory{Address{0x1000}, reinterpret_cast<const std::byte*>(&image),
                          sizeof image};
  const LinkMapWalk walk = walk_link_maps(
      memory, Address{0x1000}, [](const LinkMapEntry&, Address, unsigned) { return true; });
  EXPECT_FALSE(walk.is_whole);
  EXPECT_EQ(walk.visited, kMaxModules);
  image.entries[1].next = Address{0x10};
  const LinkMapWalk broken = walk_link_maps(
      memory, Address{0x1000}, [](const LinkMapEntry&, Address, unsigned) { return true; });
  EXPECT_FALSE(broken.is_whole);
  EXPECT_EQ(broken.visited, 2u);
}

TEST(AuxiliaryVector, StackVectorsLeadToIt) {
  const std::uint64_t words[] = {2, 0x10,      0x20, 0,        0x30, 0x40,    0x50,
                                 0, AT_PAGESZ, 4096, AT_ENTRY, 0x99, AT_NULL, 0};
  const SpanMemory memory{Address{0x1000}, reinterpret_cast<const std::byte*>(words), sizeof words};
  const auto vectors = read_stack_vectors(memory, Address{0x1000});
  ASSERT_TRUE(vectors);
  EXPECT_EQ(vectors->argc, 2u);
  EXPECT_EQ(vectors->argv, Address{0x1008});
  EXPECT_EQ(vectors->envp, Address{0x1020});
  EXPECT_EQ(vectors->auxv, Address{0x1040});
  const AuxiliaryVector vector = read_auxiliary_vector(memory, vectors->auxv);
  EXPECT_EQ(vector.page_size, 4096u);
  EXPECT_EQ(vector.entry, Address{0x99});
  EXPECT_FALSE(read_stack_vectors(memory, Address{0x1040}));
}

}  // namespace
}  // namespace allocs::runt
