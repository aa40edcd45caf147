// SPDX-License-Identifier: Apache-2.0
#include "meta/build_metadata.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <algorithm>

#include <cstring>
#include <map>
#include <random>
#include <sstream>

#include "meta/compiled_subject.h"
#include "types/write/object_model.h"

namespace allocs::meta {
namespace {

std::string output_of(const std::string& command) {
  std::string text;
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return text;
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, n);
  pclose(pipe);
  return text;
}

std::vector<Compilation> with_every_dwarf(bool is_cxx) {
  std::vector<Compilation> all;
  for (const std::string& compiler :
       is_cxx
           ? std::vector<std::string>{"g++ -std=c++20", "clang++-14 -std=c++20 -fstandalone-debug",
                                      "clang++-19 -std=c++20 -fstandalone-debug"}
           : std::vector<std::string>{"gcc", "clang-14", "clang-19"}) {
    const std::string name = compiler.substr(0, compiler.find(' '));
    if (std::system(("command -v " + name + " >/dev/null").c_str()) != 0) continue;
    for (const char* flags :
         {"-gdwarf-4 -O0", "-gdwarf-4 -O2", "-gdwarf-5 -O0", "-gdwarf-5 -O2", "-gdwarf-5 -O1 -gz",
          "-gdwarf-4 -O1 -fdebug-types-section", "-gdwarf-5 -O1 -fdebug-types-section"}) {
      all.push_back({compiler + " " + flags});
    }
  }
  return all;
}

// Finds things in an image by name.
class Reader {
 public:
  explicit Reader(const types::Image& image) : image_(image) {}

  const types::TypeRecord* type(std::string_view human_name) const {
    for (const types::TypeRecord& type : image_.types()) {
      if (image_.text(type.human_name) == human_name && (type.flags & types::kTypeIncomplete) == 0)
        return &type;
    }
    return nullptr;
  }
  const types::MemberRecord* member(const types::TypeRecord& type, std::string_view name) const {
    for (const types::MemberRecord& member : image_.members_of(type)) {
      if (image_.text(member.name) == name) return &member;
    }
    return nullptr;
  }
  const types::StaticRecord* variable(std::string_view name) const {
    for (const auto table : {types::Table::statics, types::Table::tls}) {
      for (const auto& record : image_.table<types::StaticRecord>(table)) {
        if (image_.text(record.name) == name) return &record;
      }
    }
    return nullptr;
  }
  std::string human(types::TypeIndex index) const {
    const types::TypeRecord* type = image_.type(index);
    return type == nullptr ? "?" : image_.text(type->human_name);
  }
  std::string canonical(types::TypeIndex index) const {
    const types::TypeRecord* type = image_.type(index);
    return type == nullptr ? "?" : image_.text(type->name);
  }

 private:
  const types::Image& image_;
};

// The program prints "TYPE SIZE" and "TYPE.MEMBER OFFSET SIZE"; the image must say the same.
void expect_layouts(const std::string& printed, const types::Image& image) {
  const Reader reader(image);
  std::istringstream lines(printed);
  int checked = 0;
  for (std::string line; std::getline(lines, line); ++checked) {
    std::istringstream words(line);
    std::string what;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::getline(words, what, '|');
    const auto dot = what.find('.');
    const types::TypeRecord* type = reader.type(what.substr(0, dot));
    ASSERT_NE(type, nullptr) << what;
    if (dot == what.npos) {
      words >> size;
      EXPECT_EQ(type->size, size) << what;
      continue;
    }
    words >> offset >> size;
    const types::MemberRecord* member = reader.member(*type, what.substr(dot + 1));
    ASSERT_NE(member, nullptr) << what;
    EXPECT_EQ(member->offset, offset) << what;
    EXPECT_EQ(image.type(member->type)->size, size) << what;
  }
  EXPECT_GT(checked, 10);
}

constexpr std::string_view kLayouts = R"(#include <stdio.h>
#include <stddef.h>
struct point { short x; long y; };
union word { int i; float f; char bytes[12]; };
typedef struct { char c; struct point p[3]; } nested;
struct packed { char c; int i; long l; } __attribute__((packed));
enum color { red, green = 300 };
struct big { nested n; union word w; enum color color; int (*f)(int, char **); struct big *next; char name[7]; long double ld;
             struct { int inner; }; _Bool b; __int128 wide; float m[2][3]; };
struct flexible { int n; double tail[]; };
struct bits { unsigned a : 3, b : 7; int : 0; long c : 33; unsigned char d : 2; };
#define SIZE(human, T) printf("%s|%zu\n", human, sizeof(T))
#define MEMBER(human, T, m) printf("%s." #m "|%zu %zu\n", human, offsetof(T, m), sizeof(((T *)0)->m))
struct point global_point; struct big big; struct flexible *flex; struct bits bits = {1, 2, 3, 1}; nested n; struct packed packed;
int main(void) {
  SIZE("struct point", struct point); MEMBER("struct point", struct point, x); MEMBER("struct point", struct point, y);
  SIZE("union word", union word); MEMBER("union word", union word, f); MEMBER("union word", union word, bytes);
  SIZE("nested", nested); MEMBER("nested", nested, c); MEMBER("nested", nested, p);
  SIZE("struct packed", struct packed); MEMBER("struct packed", struct packed, i); MEMBER("struct packed", struct packed, l);
  SIZE("enum color", enum color); SIZE("struct big", struct big);
  MEMBER("struct big", struct big, n); MEMBER("struct big", struct big, w); MEMBER("struct big", struct big, color);
  MEMBER("struct big", struct big, f); MEMBER("struct big", struct big, next); MEMBER("struct big", struct big, name);
  MEMBER("struct big", struct big, ld); MEMBER("struct big", struct big, b); MEMBER("struct big", struct big, wide);
  MEMBER("struct big", struct big, m); SIZE("struct flexible", struct flexible); SIZE("struct bits", struct bits);
  return (int)(flex != 0) + bits.c - 3;
}
)";

TEST(BuildImage, LayoutsAreThoseOfTheCompiler) {
  for (const Compilation& compilation : with_every_dwarf(false)) {
    SCOPED_TRACE(compilation.command);
    CompiledSubject subject(compilation, kLayouts, false);
    ASSERT_TRUE(subject.is_compiled());
    const auto image = subject.image();
    ASSERT_TRUE(image && image->content_is_intact());
    expect_layouts(output_of(subject.object().string()), *image);
    // struct bits: a at bits 0-2, b at 3-9, c at bits 0-32 of the second word, d in the byte behind it.
    const Reader reader(*image);
    const types::TypeRecord* bits = reader.type("struct bits");
    ASSERT_NE(bits, nullptr);
    std::string text;
    for (const types::MemberRecord& member : image->members_of(*bits)) {
      text += std::string{image->text(member.name)} + "@" + std::to_string(member.offset) + " " +
              reader.canonical(member.type) + " ";
    }
    EXPECT_EQ(text, "a@0 uint$3$0 b@0 uint$7$3 c@8 int$33$0 d@12 unsigned_char$2$1 ");
  }
}

constexpr std::string_view kStatics = R"(
#include <stdio.h>
int plain = 1; static char text[9] = "text"; _Thread_local long per_thread = 4; static _Thread_local int hidden_tls = 2;
extern char **environ; struct opaque; struct opaque *handle; int table[2][3] = {{1}}; const double ratio = 0.5;
int counter(void) { static int calls; { static long inner = 3; calls += (int)inner; } return ++calls + text[0] + hidden_tls; }
int main(int argc, char **argv) { printf("%p %p\n", (void *)environ, (void *)stdout); (void)argv; return counter() + plain + (int)per_thread + argc + (handle != 0) + table[0][0] + (int)ratio; }
)";

TEST(BuildImage, StaticObjectsHaveNamesAndTypes) {
  const std::map<std::string, std::string> expected = {{"plain", "int"},
                                                       {"text", "char[9]"},
                                                       {"per_thread", "long int"},
                                                       {"hidden_tls", "int"},
                                                       {"counter::calls", "int"},
                                                       {"counter::inner", "long int"},
                                                       {"handle", "struct opaque *"},
                                                       {"table", "int[2][3]"},
                                                       {"environ", "char **"},
                                                       {"main", "int (int, char **)"}};
  for (const char* compiler : {"gcc", "clang-14", "clang-19"}) {
    if (std::system((std::string{"command -v "} + compiler + " >/dev/null").c_str()) != 0) continue;
    for (const char* flags :
         {" -g -O0 -fno-pie -no-pie", " -gdwarf-4 -O0", " -gdwarf-5 -O0 -fno-pie -no-pie"}) {
      SCOPED_TRACE(std::string{compiler} + flags);
      CompiledSubject subject({std::string{compiler} + flags}, kStatics, false);
      ASSERT_TRUE(subject.is_compiled());
      const auto image = subject.image();
      ASSERT_TRUE(image.has_value());
      const Reader reader(*image);
      for (const auto& [name, type] : expected) {
        const types::StaticRecord* record = reader.variable(name);
        if (name == "environ" && record == nullptr)
          continue;  // reached through the table of addresses, not copied
        ASSERT_NE(record, nullptr) << name;
        std::string human = reader.human(record->type);
        if (human == "long") human = "long int";
        EXPECT_EQ(human, type) << name;
      }
    }
  }
}

// clang makes one variable of each member of a static that nobody knows as a whole.
TEST(Statics, TakenApartAreTheirMembers) {
  constexpr std::string_view kSource = R"(#include <stdlib.h>
struct slot { long key; char *text; };
static struct { unsigned count; struct slot **rows; struct { short low, high; } range; unsigned flag : 1, mode : 3; } table;
__attribute__((noinline)) void reset(int low) { table.count = 0; table.range.low = low; table.range.high = 9; table.mode = low; }
__attribute__((noinline)) struct slot *at(unsigned i) {
  if (table.count <= i) {
    table.rows = realloc(table.rows, (i + 1) * sizeof *table.rows);
    table.rows[i] = malloc(sizeof **table.rows);
    table.count = i + 1;
  }
  return table.range.low > table.range.high + (int)table.mode ? 0 : table.rows[i];
}
int main(int argc, char **argv) { reset(argc); struct slot *s = at(argc); return s != 0 && s->key; })";
  int taken_apart = 0;
  for (const char* compiler : {"clang-14", "clang-19"}) {
    if (std::system((std::string{"command -v "} + compiler + " >/dev/null").c_str()) != 0) continue;
    for (const char* flags : {" -gdwarf-4 -O2", " -gdwarf-5 -O2"}) {
      SCOPED_TRACE(std::string{compiler} + flags);
      CompiledSubject subject({std::string{compiler} + flags}, kSource, false);
      ASSERT_TRUE(subject.is_compiled());
      const auto image = subject.image();
      ASSERT_TRUE(image.has_value());
      const Reader reader(*image);
      if (reader.variable("table") != nullptr) continue;
      const types::StaticRecord* rows = reader.variable("table.rows");
      ASSERT_NE(rows, nullptr);
      ++taken_apart;
      EXPECT_EQ(reader.human(rows->type), "struct slot **");
      EXPECT_EQ(rows->size, 8u);
      const types::StaticRecord* count = reader.variable("table.count");
      ASSERT_NE(count, nullptr);
      EXPECT_EQ(reader.human(count->type), "unsigned int");
      for (const types::StaticRecord& record :
           image->table<types::StaticRecord>(types::Table::statics)) {
        const std::string_view name = image->text(record.name);
        EXPECT_NE(name, "table.flag") << "two bit-fields are no one thing";
        EXPECT_NE(name, "table.mode") << "two bit-fields are no one thing";
      }
    }
  }
  EXPECT_GT(taken_apart, 0);
}

constexpr std::string_view kCxx = R"(#include <cstdio>
#include <cstddef>
#include <vector>
namespace shapes {
struct Base { virtual ~Base() {} int id = 1; };
struct Mixin { long m = 2; };
class Circle : public Base, public Mixin { public: double radius = 1; static int count; struct Point { int x, y; } center{}; int area(int k) const; };
int Circle::count = 7;
int Circle::area(int k) const { static int calls; return ++calls + k + (int)radius; }
enum class Mode : unsigned char { on = 1, off };
template <typename T, int N> struct Box { T items[N]; };
namespace { int secret = 5; }
}
shapes::Circle circle; shapes::Box<short, 3> box; shapes::Mode mode = shapes::Mode::off; std::vector<int> numbers; int shapes::Circle::Point::*pointer = &shapes::Circle::Point::y;
int main() {
  printf("shapes::Circle|%zu\n", sizeof(shapes::Circle)); printf("shapes::Circle.radius|%zu 8\n", (size_t)((char *)&circle.radius - (char *)&circle));
  printf("shapes::Circle.center|%zu 8\n", (size_t)((char *)&circle.center - (char *)&circle)); printf("shapes::Base|%zu\n", sizeof(shapes::Base));
  printf("shapes::Mixin|%zu\n", sizeof(shapes::Mixin)); printf("shapes::Circle::Point|%zu\n", sizeof(shapes::Circle::Point));
  printf("shapes::Box<short, 3>|%zu\n", sizeof(box)); printf("shapes::Box<short, 3>.items|0 6\n"); printf("shapes::Mode|%zu\n", sizeof(mode));
  printf("shapes::Mixin.m|0 8\n"); printf("shapes::Base.id|8 4\n"); printf("shapes::Circle::Point.y|4 4\n");
  return circle.area(1) + shapes::secret + (int)numbers.size() + shapes::Circle::count + circle.center.*pointer > 1000;
}
)";

TEST(BuildImage, ClassesHaveTheirBasesScopesAndStatics) {
  for (const Compilation& compilation : with_every_dwarf(true)) {
    SCOPED_TRACE(compilation.command);
    CompiledSubject subject(compilation, kCxx, true);
    ASSERT_TRUE(subject.is_compiled());
    const auto image = subject.image();
    ASSERT_TRUE(image.has_value());
    std::string printed = output_of(subject.object().string());
    const Reader reader(*image);
    if (reader.type("shapes::Box<short int, 3>") != nullptr) {  // gcc's spelling
      for (auto at = printed.find("<short,"); at != printed.npos; at = printed.find("<short,", at))
        printed.replace(at, 7, "<short int,");
    }
    expect_layouts(printed, *image);
    const types::TypeRecord* circle = reader.type("shapes::Circle");
    ASSERT_NE(circle, nullptr);
    std::string bases;
    for (const types::MemberRecord& member : image->members_of(*circle)) {
      if ((member.flags & types::kMemberBaseClass) == 0) continue;
      bases += reader.human(member.type) + "@" + std::to_string(member.offset) + " ";
    }
    EXPECT_EQ(bases, "shapes::Base@0 shapes::Mixin@16 ");
    for (const char* name :
         {"circle", "shapes::Circle::count", "shapes::(anonymous namespace)::secret"}) {
      const types::StaticRecord* record = reader.variable(name);
      if (record == nullptr && compilation.command.find("-O0") == std::string::npos)
        continue;  // optimised out
      ASSERT_NE(record, nullptr) << name;
      EXPECT_NE(record->type, types::kNoType) << name;
    }
  }
}

constexpr std::string_view kVariants = R"(
struct base { long n; base(); virtual ~base(); };
base::base() : n(1) {}
base::~base() { n = 0; }
struct derived : virtual base { int m; derived(int); ~derived(); };
derived::derived(int i) : m(i) {}
derived::~derived() { m = 0; }
struct last : derived { last() : derived(3) {} };
int main() { last one; derived two(4); return one.m + two.m > 100; }
)";

TEST(BuildImage, ConstructorsTakeWhatIsPassedToThem) {
  for (const char* flags : {"g++ -g -O0", "g++ -gdwarf-3 -O1 -fno-inline"}) {
    SCOPED_TRACE(flags);
    CompiledSubject subject({flags}, kVariants, true);
    ASSERT_TRUE(subject.is_compiled());
    const auto image = subject.image();
    ASSERT_TRUE(image.has_value());
    const Reader reader(*image);
    std::map<std::string, std::string> types;
    for (const types::StaticRecord& record : image->statics()) {
      if (record.type != types::kNoType)
        types[image->text(record.linkage_name)] = reader.human(record.type);
    }
    EXPECT_EQ(types["_ZN4baseD2Ev"] + types["_ZN4baseD1Ev"], "void (base *)");  // one is the other
    EXPECT_EQ(types["_ZN7derivedC1Ei"], "void (derived *, int)");
    EXPECT_EQ(types["_ZN7derivedC2Ei"], "void (derived *, void **, int)");
    EXPECT_EQ(types["_ZN7derivedD1Ev"], "void (derived *)");
    EXPECT_EQ(types["_ZN7derivedD2Ev"], "void (derived *, void **)");
  }
}

TEST(BuildImage, VirtualBasesAreTheSameForEveryCompiler) {
  int count = 0;
  for (const Compilation& compilation : with_every_dwarf(true)) {
    SCOPED_TRACE(compilation.command);
    CompiledSubject subject(compilation, kVariants, true);
    ASSERT_TRUE(subject.is_compiled());
    const auto image = subject.image();
    ASSERT_TRUE(image.has_value());
    const types::TypeRecord* derived = Reader(*image).type("derived");
    ASSERT_NE(derived, nullptr);
    const auto members = image->members_of(*derived);
    ASSERT_FALSE(members.empty());
    const types::MemberRecord& base = members.back();
    EXPECT_EQ(base.flags, types::kMemberBaseClass | types::kMemberVirtualBase);
    EXPECT_EQ(base.offset, 24u);
    EXPECT_FALSE(types::has_place(base));
    ++count;
  }
  EXPECT_GT(count, 0);
}

constexpr std::string_view kNumbers = R"(
long double extended; __float128 quad; _Complex long double complex_extended;
#if !defined __clang__ || __clang_major__ > 14
_Float16 half;
#endif
#if __clang_major__ > 14
__bf16 brain;
#elif !defined __clang__
_Complex _Float128 complex_quad; _Complex _Float16 complex_half; _Float64x other_extended; __float80 eighty;
#endif
int main(void) { return 0; }
)";

// What each variable of a program is called, canonically.
std::map<std::string, std::string> types_of_variables(const types::Image& image) {
  std::map<std::string, std::string> types;
  for (const types::StaticRecord& record : image.statics()) {
    if (record.kind == types::StaticKind::object && record.type != types::kNoType)
      types[image.text(record.name)] = Reader(image).canonical(record.type);
  }
  return types;
}

TEST(BuildImage, NumbersOfOneSizeAreTypesByTheirFormats) {
  for (const Compilation& compilation : with_every_dwarf(false)) {
    SCOPED_TRACE(compilation.command);
    CompiledSubject subject(compilation, kNumbers, false);
    ASSERT_TRUE(subject.is_compiled());
    const auto image = subject.image();
    ASSERT_TRUE(image.has_value());
    auto types = types_of_variables(*image);
    EXPECT_EQ(types["extended"], "float$128");
    EXPECT_EQ(types["quad"], "binary128$128");
    if (types.contains("half")) {
      EXPECT_EQ(types["half"], "float$16");
    }
    if (types.contains("brain")) {
      EXPECT_EQ(types["brain"], "bfloat16$16");
    }
    // clang calls both that have 32 bytes "complex".
    const bool is_gcc = types.contains("eighty");
    EXPECT_EQ(types["complex_extended"],
              is_gcc ? "complex_float$256" : "complex_unclear_float$256");
    if (!is_gcc) continue;
    EXPECT_EQ(types["complex_quad"], "complex_binary128$256");
    EXPECT_EQ(types["complex_half"], "complex_float$32");
    EXPECT_EQ(types["other_extended"], "float$128");
    EXPECT_EQ(types["eighty"], "float$128");
  }
}

TEST(BuildImage, LongDoubleIsWhatGccWasToldThatItIs) {
  CompiledSubject subject({"gcc -g -mlong-double-128"},
                          "long double quad; _Complex long double complex_quad; __float80 "
                          "extended; int main(void) { return 0; }",
                          false);
  ASSERT_TRUE(subject.is_compiled());
  const auto image = subject.image();
  ASSERT_TRUE(image.has_value());
  auto types = types_of_variables(*image);
  EXPECT_EQ(types["quad"], "binary128$128");
  EXPECT_EQ(types["complex_quad"], "complex_binary128$256");
  EXPECT_EQ(types["extended"], "float$128");
}

TEST(BuildImage, ComplexNumbersOfClangAreExtendedWhereNothingElseIsThere) {
  if (std::system("command -v clang-19 >/dev/null") != 0) GTEST_SKIP();
  CompiledSubject subject({"clang-19 -g"},
                          "_Complex long double complex_extended; int main(void) { return 0; }",
                          false);
  ASSERT_TRUE(subject.is_compiled());
  const auto image = subject.image();
  ASSERT_TRUE(image.has_value());
  EXPECT_EQ(types_of_variables(*image)["complex_extended"], "complex_float$256");
}

constexpr std::string_view kLambda = R"(
#line 1 "traits.h"
template <class T> struct itself { typedef T type; };
#line 1 "subject.cc"
typedef struct {
  int a;
} named;
named the_named;
int main(int argc, char **) {
  auto lambda = [argc](int n) { return n + argc; };
  static itself<decltype(lambda)>::type *kept;
  kept = &lambda;
  return (*kept)(1) > 100;
}
)";

TEST(BuildImage, ATypedefElsewhereDoesNotNameALambda) {
  CompiledSubject subject({"g++ -g -O0"}, kLambda, true);
  ASSERT_TRUE(subject.is_compiled());
  const auto image = subject.image();
  ASSERT_TRUE(image.has_value());
  const Reader reader(*image);
  const types::StaticRecord* kept = reader.variable("main::kept");
  ASSERT_NE(kept, nullptr);
  EXPECT_EQ(reader.human(kept->type), "__anon_struct_subject.cc_6 *");
  ASSERT_NE(reader.variable("the_named"), nullptr);
  EXPECT_EQ(reader.human(reader.variable("the_named")->type), "named");
}

constexpr std::string_view kMerged = R"(
struct address { unsigned char bytes[16]; };
struct element { long a, b; };
static const struct element nothing = {0, 0};
const struct address any = {{0}};
const void *volatile where[2];
int main(void) { where[0] = &nothing; where[1] = &any; return where[0] != where[1]; }
)";

TEST(BuildImage, OfMergedConstantsTheOneThatOthersCanNameIsTold) {
  CompiledSubject subject({"gcc -g -O2 -fmerge-all-constants"}, kMerged, false);
  ASSERT_TRUE(subject.is_compiled());
  if (std::system(subject.object().c_str()) != 0) GTEST_SKIP() << "not merged";
  const auto image = subject.image();
  ASSERT_TRUE(image.has_value());
  const Reader reader(*image);
  ASSERT_NE(reader.variable("any"), nullptr);
  EXPECT_EQ(reader.human(reader.variable("any")->type), "struct address");
}

constexpr std::string_view kFrames = R"(
#include <stdio.h>
struct pair { long first, second; };
__attribute__((noinline)) int callee(int a, struct pair p) { char buffer[40]; int total = a + (int)p.first; sprintf(buffer, "%d", total); { int block = buffer[0]; total += block; } return total; }
int main(int argc, char **argv) { struct pair p = {argc, 2}; (void)argv; return callee(3, p) > 1000; }
)";

TEST(BuildImage, LocalsAtO0AreAllInMemoryForTheirWholeScope) {
  for (const char* compiler : {"gcc", "clang-14", "clang-19"}) {
    if (std::system((std::string{"command -v "} + compiler + " >/dev/null").c_str()) != 0) continue;
    for (const char* flags : {" -g -O0", " -g -O0 -fomit-frame-pointer"}) {
      SCOPED_TRACE(std::string{compiler} + flags);
      CompiledSubject subject({std::string{compiler} + flags}, kFrames, false);
      ASSERT_TRUE(subject.is_compiled());
      const auto image = subject.image();
      ASSERT_TRUE(image.has_value());
      std::string names;
      for (const auto& function : image->table<types::FunctionRecord>(types::Table::functions)) {
        if (image->text(function.name) != std::string_view{"callee"}) continue;
        const auto all = image->table<types::VariableRecord>(types::Table::variables);
        for (const auto& variable : all.subspan(function.first_variable, function.variable_count)) {
          names += std::string{image->text(variable.name)} + " ";
          const auto pieces = types::read_locations(
              image->table<std::byte>(types::Table::locations), variable.locations, function.low);
          ASSERT_FALSE(pieces.empty());
          for (const types::LocationPiece& piece : pieces) {
            EXPECT_EQ(piece.kind, types::LocationKind::memory);
            EXPECT_LT(piece.value, 100);
            EXPECT_GT(piece.value, -200);
          }
          EXPECT_LE(pieces.back().high, function.low + function.length);
        }
      }
      EXPECT_EQ(names, "a p buffer total block ");
    }
  }
}

TEST(BuildImage, TheSameInputGivesTheSameBytes) {
  CompiledSubject subject({"gcc -g -O2"}, kLayouts, false);
  ASSERT_TRUE(subject.is_compiled());
  Diagnostics diag;
  EXPECT_EQ(build_image({subject.object(), {}}, diag), build_image({subject.object(), {}}, diag));
}

// How often types are folded while they are read is nowhere seen: variables, functions, arrays sized at run time, virtual bases, bit-fields.
TEST(BuildImage, FoldingChangesNothing) {
  constexpr const char* kUnits = R"(
#ifdef SECOND
#define NAME(x) x##_second
#else
#define NAME(x) x##_first
#endif
typedef struct { unsigned a : 3, b : 5; int rest; } pair;
struct node { struct node *next; pair *of; struct opaque *unknown; enum { red, green } color; };
#ifdef SECOND
struct opaque { int known; };
#endif
static inline int length(const struct node *node) { int n = 0; for (; node; node = node->next) ++n; return n; }
int NAME(sum)(int n, struct node *node) {
  int squares[n];
  for (int i = 0; i < n; ++i) squares[i] = i * (int)node->of->a;
  static struct node kept;
  kept = *node;
  return squares[n - 1] + length(node) + (int)kept.color;
}
)";
  constexpr const char* kClasses = R"(
namespace n { struct root { virtual ~root(); int r; }; struct left : virtual root { int l; }; struct right : virtual root { int q; };
struct both : left, right { int b; long twice(int) const; struct inner { both *outer; } in; int (both::*method)(int); int inner::*field; }; }
#ifdef SECOND
n::root::~root() {}
long n::both::twice(int k) const { inner i{nullptr}; return k * 2 + b + (i.outer == this); }
#else
long use(n::both &x) { auto f = [&](int k) { return x.twice(k); }; n::both y(x); return f(3) + y.l; }
#endif
)";
  for (const std::string compile :
       {"gcc -g -O0", "gcc -g -O2", "gcc -gdwarf-2 -O1", "gcc -g -O1 -fdebug-types-section",
        "gcc -g -O2 -flto", "g++ -g -O0", "g++ -g -O2", "g++ -gdwarf-4 -O1 -fdebug-types-section",
        "clang-19 -g -O1", "clang++-19 -g -O2"}) {
    SCOPED_TRACE(compile);
    const bool is_cxx = compile.find("++") != std::string::npos;
    const std::string each = compile + " -w -fPIC -c $4 -o $3";
    const Compilation both{"two() { " + each + ".1.o && " + each + ".2.o -DSECOND && " + compile +
                           " -shared -o $3 $3.1.o $3.2.o; }; two"};
    const CompiledSubject subject(both, is_cxx ? kClasses : kUnits, is_cxx);
    if (compile.starts_with("clang") && !subject.is_compiled()) continue;  // it is not installed
    ASSERT_TRUE(subject.is_compiled());
    Diagnostics diag;
    const auto usual = build_image({.object = subject.object(), .output = {}}, diag);
    ASSERT_FALSE(usual.empty());
    for (const std::size_t after : {1, 7, 50}) {
      EXPECT_EQ(build_image({.object = subject.object(), .output = {}, .fold_after = after}, diag),
                usual)
          << after;
    }
  }
}

TEST(BuildImage, TypesAloneAreTheSameTypes) {
  const CompiledSubject subject({"gcc -g -O1"}, kLayouts, false);
  Diagnostics diag;
  const auto open = [](std::vector<std::byte>& bytes) {
    return types::Image::open(bytes.data(), bytes.size());
  };
  std::vector<std::byte> whole_bytes =
      build_image({.object = subject.object(), .output = {}}, diag);
  std::vector<std::byte> types_bytes =
      build_image({.object = subject.object(), .output = {}, .types_only = true}, diag);
  const auto whole = open(whole_bytes), alone = open(types_bytes);
  ASSERT_TRUE(whole && alone);
  EXPECT_TRUE(alone->statics().empty());
  EXPECT_TRUE(alone->table<types::FunctionRecord>(types::Table::functions).empty());
  std::size_t count = 0;
  for (const types::TypeRecord& type : whole->types()) {
    bool is_there = false;
    alone->find_types_named(whole->text(type.name), [&](types::TypeIndex index) {
      return is_there = alone->type(index)->hash == type.hash;
    });
    count += is_there ? 1 : 0;
  }
  // Code may ask for arrays that no entry describes.
  EXPECT_GE(count, alone->types().size() - 1);
  EXPECT_GT(count, 20u);
}

TEST(BuildImage, AStrippedObjectUsesItsDebugFile) {
  CompiledSubject subject({"gcc -g -O0 -Wl,--build-id"}, kLayouts, false);
  ASSERT_TRUE(subject.is_compiled());
  const std::string object = subject.object().string();
  const std::string debug = object + ".debug";
  const std::string split = "objcopy --only-keep-debug " + object + " " + debug + " && strip " +
                            object + " && cd " + subject.object().parent_path().string() +
                            " && objcopy --add-gnu-debuglink=" + debug + " " + object;
  ASSERT_EQ(std::system(split.c_str()), 0);
  const auto image = subject.image();
  ASSERT_TRUE(image.has_value());
  EXPECT_EQ(image->text(image->header().debug_path), debug);
  EXPECT_NE(Reader(*image).type("struct big"), nullptr);
  // One byte more, and it is no longer the file that the object asks for.
  std::ofstream{debug, std::ios::app} << 'x';
  Diagnostics diag;
  build_image({subject.object(), {}}, diag);
  ASSERT_FALSE(diag.messages().empty());
  EXPECT_NE(diag.messages()[0].find("checksum"), std::string::npos);
}

TEST(BuildImage, BadInputsAreRefusedWithTheirPathAndWhatToDo) {
  CompiledSubject relocatable({"gcc -g -c"}, kFrames, false);
  ASSERT_TRUE(relocatable.is_compiled());
  for (const std::string& path : {relocatable.object().string(), std::string{"/etc/passwd"},
                                  std::string{"/nonexistent"}, std::string{"/tmp"}}) {
    Diagnostics diag;
    EXPECT_TRUE(build_image({path, {}}, diag).empty()) << path;
    ASSERT_EQ(diag.messages().size(), 1u);
    EXPECT_TRUE(diag.messages()[0].starts_with(path + ": ")) << diag.messages()[0];
    EXPECT_NE(diag.messages()[0].find("; "), std::string::npos) << diag.messages()[0];
  }
}

TEST(BuildImage, DamagedDebugInformationNeverCrashes) {
  CompiledSubject subject({"gcc -gdwarf-5 -O2"}, kFrames, false);
  ASSERT_TRUE(subject.is_compiled());
  std::ifstream file(subject.object(), std::ios::binary);
  const std::vector<char> whole{std::istreambuf_iterator<char>(file), {}};
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    std::vector<char> damaged = whole;
    if (seed % 4 == 0) damaged.resize(64 + random() % whole.size());
    for (unsigned i = 0; i < 1 + seed % 40; ++i) {
      // The debug sections lie behind the loaded ones.
      const std::size_t at =
          seed % 3 == 0 ? random() % damaged.size()
                        : damaged.size() / 2 + random() % (damaged.size() - damaged.size() / 2);
      damaged[at] = static_cast<char>(random());
    }
    std::ofstream{subject.object(), std::ios::binary}.write(
        damaged.data(), static_cast<std::streamsize>(damaged.size()));
    Diagnostics diag;
    const std::vector<std::byte> bytes = build_image({subject.object(), {}}, diag);
    if (bytes.empty()) {
      EXPECT_TRUE(diag.has_errors());
      continue;
    }
    const auto image = types::Image::open(bytes.data(), bytes.size());
    ASSERT_TRUE(image && image->content_is_intact()) << seed;
  }
}

// libc against pahole, an independent reader: "NAME SIZE HOLES" for each struct.
TEST(BuildImage, LibcsStructsHaveTheSizesThatPaholeSays) {
  if (std::system("command -v pahole >/dev/null") != 0) GTEST_SKIP() << "no pahole";
  Diagnostics diag;
  const std::vector<std::byte> bytes = build_image({"/lib/x86_64-linux-gnu/libc.so.6", {}}, diag);
  const auto image = types::Image::open(bytes.data(), bytes.size());
  ASSERT_TRUE(image.has_value());
  const std::string debug = image->text(image->header().debug_path);
  if (debug.empty()) GTEST_SKIP() << "no debug file of libc";
  std::map<std::string, std::vector<std::uint64_t>> sizes;
  for (const types::TypeRecord& type : image->types())
    sizes[image->text(type.name)].push_back(type.size);
  std::istringstream lines(output_of("pahole -s " + debug + " 2>/dev/null"));
  std::string name;
  std::uint64_t size = 0;
  int holes = 0;
  int checked = 0;
  while (lines >> name >> size >> holes) {
    const auto found = sizes.find(name);
    if (found == sizes.end()) continue;
    EXPECT_NE(std::find(found->second.begin(), found->second.end(), size), found->second.end())
        << name << " " << size;
    ++checked;
  }
  EXPECT_GT(checked, 300);
}

}  // namespace
}  // namespace allocs::meta
