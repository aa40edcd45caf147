// SPDX-License-Identifier: Apache-2.0
#include "elf/symbols.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>  // a function that no sanitizer puts its own in place of
#include <gtest/gtest.h>
#include <link.h>

#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "elf/build_id.h"

extern "C" [[gnu::noinline, gnu::used]] int allocs_symbols_test_function() { return 42; }
int allocs_symbols_test_object[16] = {1};

namespace allocs::elf {
namespace {

std::vector<char> bytes_of(const char* path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>(file), {}};
}
File file_of(const std::vector<char>& bytes) {
  return {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()};
}

LinkAddress link_address(const void* address) {
  Dl_info info{};
  link_map* map = nullptr;
  dladdr1(address, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP);
  return LinkAddress{reinterpret_cast<std::uintptr_t>(address) - map->l_addr};
}

TEST(SymbolTable, FindsThisProgramsSymbolsByAddressAndByName) {
  const auto bytes = bytes_of("/proc/self/exe");
  const SymbolTable symbols{file_of(bytes)};
  const auto* function = reinterpret_cast<const char*>(&allocs_symbols_test_function);
  const auto found = symbols.containing(link_address(function + 1));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "allocs_symbols_test_function");
  EXPECT_EQ(found->type, STT_FUNC);
  const auto object = symbols.named("allocs_symbols_test_object");
  ASSERT_TRUE(object);
  EXPECT_GE(object->size,
            sizeof allocs_symbols_test_object);  // a sanitizer puts red zones around it
  EXPECT_EQ(object->value, link_address(allocs_symbols_test_object));
  EXPECT_EQ(symbols.containing(link_address(&allocs_symbols_test_object[15]))->name,
            "allocs_symbols_test_object");
  EXPECT_FALSE(symbols.named("allocs_symbols_test_functio"));
  EXPECT_FALSE(symbols.containing(LinkAddress{1}));
}

TEST(SymbolTable, AStrippedLibraryHasItsDynamicOnes) {
  Dl_info info{};
  // Not one of those that sanitizers replace.
  ASSERT_NE(dladdr(reinterpret_cast<const void*>(&::gnu_get_libc_version), &info), 0);
  const auto bytes = bytes_of(info.dli_fname);
  const SymbolTable symbols{file_of(bytes)};
  const auto version_symbol = symbols.named("gnu_get_libc_version");
  ASSERT_TRUE(version_symbol);
  EXPECT_EQ(version_symbol->value,
            link_address(reinterpret_cast<const void*>(&::gnu_get_libc_version)));
}

TEST(File, OffsetsAndLinkAddressesAreInverse) {
  const auto bytes = bytes_of("/proc/self/exe");
  const File file = file_of(bytes);
  const LinkAddress text =
      link_address(reinterpret_cast<const void*>(&allocs_symbols_test_function));
  const auto offset = file.file_offset_of(text);
  ASSERT_TRUE(offset);
  EXPECT_EQ(file.link_address_of(*offset), text);
  EXPECT_FALSE(file.file_offset_of(LinkAddress{~std::uint64_t{0}}));
}

TEST(BuildId, IsTheSameInTheFileAndInMemory) {
  const auto bytes = bytes_of("/proc/self/exe");
  const File file = file_of(bytes);
  const auto section = file.find_section(".note.gnu.build-id");
  if (!section) GTEST_SKIP() << "linked without a build-id";
  const SpanMemory memory{Address{0}, reinterpret_cast<const std::byte*>(bytes.data()),
                          bytes.size()};
  const auto in_file = find_build_id(
      memory, {Address{section->sh_offset}, Address{section->sh_offset + section->sh_size}});
  ASSERT_TRUE(in_file);
  EXPECT_EQ(in_file->size, 20);
  BuildId in_memory;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* into) {
        const ProgramHeaders headers{address_of(info->dlpi_phdr), info->dlpi_phnum};
        *static_cast<BuildId*>(into) =
            find_build_id(TrustedMemory{}, headers, LoadBias{info->dlpi_addr}).value_or(BuildId{});
        return 1;  // the executable comes first
      },
      &in_memory);
  EXPECT_EQ(*in_file, in_memory);
}

TEST(Notes, DamagedSizesEndTheWalk) {
  const std::uint32_t words[] = {4,          4,          3, 0x00554E47, 0xAABBCCDD,
                                 0xFFFFFFFF, 0xFFFFFFFF, 3, 0x00554E47};
  const SpanMemory memory{Address{64}, reinterpret_cast<const std::byte*>(words), sizeof words};
  int visited = 0;
  EXPECT_FALSE(
      find_note(memory, {Address{64}, Address{64 + sizeof words}}, 4, [&](const Note& note) {
        ++visited;
        EXPECT_EQ(note.name, "GNU");
        EXPECT_EQ(note.size, 4u);
        return false;
      }));
  EXPECT_EQ(visited, 1);
}

TEST(File, DamagedFilesNeverCrash) {
  const auto whole = bytes_of("/bin/true");
  ASSERT_GT(whole.size(), 1000u);
  std::mt19937_64 random{5};
  const std::uint64_t table = file_of(whole).header()->e_shoff;
  for (int i = 0; i < 3000; ++i) {
    auto bytes = whole;
    for (int flips = 0; flips < 12; ++flips) {
      const std::uint64_t where = flips % 3 == 0   ? random() % 64
                                  : flips % 3 == 1 ? table + random() % 2048
                                                   : random();
      bytes[where % bytes.size()] ^= static_cast<char>(1u << random() % 8);
    }
    if (i % 4 == 0) bytes.resize(random() % bytes.size());
    bytes.shrink_to_fit();
    const SymbolTable symbols{file_of(bytes)};
    symbols.containing(LinkAddress{random() % 0x10000});
    symbols.named("stdout");
    for (std::size_t at = 0; at < symbols.size(); ++at) static_cast<void>(symbols[at].name.size());
    static_cast<void>(file_of(bytes).find_section(".text"));
  }
}

}  // namespace
}  // namespace allocs::elf
