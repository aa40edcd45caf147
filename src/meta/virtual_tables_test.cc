// SPDX-License-Identifier: Apache-2.0
#include "meta/virtual_tables.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "meta/compiled_subject.h"

namespace allocs::meta {
namespace {

constexpr std::string_view kClasses = R"(
struct shape { virtual ~shape(); long corners; };
struct named { virtual const char *name(); char text[16]; };
struct circle : shape, named { ~circle() override; double radius; };
struct common { virtual ~common(); long id; };
struct left : virtual common { ~left() override; long l; };
struct right : virtual common { ~right() override; long r; };
struct both : left, right { ~both() override; long b; };
template <typename T, unsigned n> struct holder { virtual ~holder() {} T content[n]; };
namespace { struct own { virtual ~own() {} int n; }; }
struct without { long a; };
shape::~shape() {}
const char *named::name() { return ""; }
circle::~circle() {}
common::~common() {}
left::~left() {}
right::~right() {}
both::~both() {}
void *volatile made[3];
int main() {
  made[0] = new holder<unsigned long, 3>;
  made[1] = new own;
  made[2] = new without;
}
)";

// How far from its symbol's start each table is that objects point to, by class.
std::map<std::string, std::uint64_t> tables_of(const types::Image& image) {
  std::map<std::string, std::uint64_t> tables;
  for (const auto& each : image.table<types::VirtualTableRecord>(types::Table::virtual_tables)) {
    const types::StaticRecord* symbol = image.find_static(each.address);
    const std::string name = image.text(image.type(each.type)->human_name);
    EXPECT_EQ(tables.count(name), 0u) << name;
    tables[name.substr(0, name.find('<'))] = symbol == nullptr ? 0 : each.address - symbol->address;
  }
  return tables;
}

TEST(VirtualTables, EachClassHasThePlaceWhereItsObjectsPoint) {
  const std::map<std::string, std::uint64_t> expected{{"(anonymous namespace)::own", 16},
                                                      {"both", 24},
                                                      {"circle", 16},
                                                      {"common", 16},
                                                      {"holder", 16},
                                                      {"left", 24},
                                                      {"named", 16},
                                                      {"right", 24},
                                                      {"shape", 16}};
  for (const Compilation& compilation : all_compilations(true)) {
    const bool is_at_ends = compilation.command.find("-O0") != std::string::npos ||
                            compilation.command.find("-O2") != std::string::npos;
    if (!is_at_ends) continue;
    for (const char* more : {"", " -fno-rtti"}) {
      SCOPED_TRACE(compilation.command + more);
      CompiledSubject subject{{compilation.command + more}, kClasses, true};
      ASSERT_TRUE(subject.is_compiled());
      const auto image = subject.image();
      ASSERT_TRUE(image);
      EXPECT_EQ(tables_of(*image), expected);
    }
  }
}

TEST(VirtualTables, WhatIsNotDescribedIsToldByNameIfItHasVirtualBases) {
  CompiledSubject subject{{"g++ -O1"}, kClasses, true};
  const auto image = subject.image();
  ASSERT_TRUE(image);
  // But by name, for whoever has a description of a class with virtual bases.
  std::string names;
  for (const auto& each : image->table<types::VirtualTableRecord>(types::Table::virtual_tables)) {
    EXPECT_EQ(each.type, types::kNoType);
    const types::StaticRecord* symbol = image->find_static(each.address);
    names += image->text(each.name);
    names += symbol == nullptr ? " ?" : " +" + std::to_string(each.address - symbol->address);
    names += '\n';
  }
  EXPECT_EQ(names.size(), std::string("both +24\nleft +24\nright +24\n").size());
  for (const char* name : {"both +24\n", "left +24\n", "right +24\n"})
    EXPECT_NE(names.find(name), std::string::npos) << names;
}

}  // namespace
}  // namespace allocs::meta
