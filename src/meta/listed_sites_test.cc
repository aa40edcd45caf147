// SPDX-License-Identifier: Apache-2.0
#include "meta/listed_sites.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "meta/compiled_subject.h"

// Subjects say themselves what a site list would say: an @ stands where gcc places an allocating call, and behind "//=" each
// @ of the line has its words
//
//     FUNCTION CALLEE KIND TYPE SIZE
//
// with "-" for an empty field, "~" for a blank in a type's name, and "." for the line's first FUNCTION; "|" comes between two @. The list is made of that, the source is
// compiled without it. An answer is right if it is what one of the line's @ says.
namespace allocs::meta {
namespace {

struct Listed {
  std::string function, callee, kind, type;
  std::uint64_t size = 0;
  std::size_t column = 0;

  std::string answer() const {
    if (kind == "-") return "none";
    if (kind[0] == 'w') return "wrapper";
    return (kind[2] == 'a' ? "__ARR0_" : "") + type;
  }
};

struct Subject {
  std::string source;
  std::map<std::uint32_t, std::vector<Listed>> lines;

  explicit Subject(std::string_view text) {
    std::istringstream in{std::string{text}};
    std::uint32_t number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      const std::size_t mark = line.find("//= ");
      std::istringstream words{mark == line.npos ? "" : line.substr(mark + 4)};
      line.resize(std::min(mark, line.size()));
      std::vector<Listed>& here = lines[number];
      for (std::size_t at = line.find('@'); at != line.npos; at = line.find('@')) {
        line.erase(at, 1);
        Listed listed;
        words >> listed.function >> listed.callee >> listed.kind >> listed.type >> listed.size;
        std::replace(listed.type.begin(), listed.type.end(), '~', ' ');
        std::string bar;
        words >> bar;
        listed.column = at + 1;
        if (listed.function == "." && !here.empty()) listed.function = here.front().function;
        here.push_back(listed);
      }
      source += line + "\n";
    }
  }

  std::string list(const std::string& unit) const {
    std::string text;
    const auto add = [&](std::string_view field, char end = '\t') {
      if (field != "-") types::append_site_list_field(text, field);
      text += end;
    };
    std::size_t count = 0;
    text = "allocs-sites\t1\t" + unit + "\t/\n";
    for (const auto& [number, sites] : lines) {
      for (const Listed& one : sites) {
        ++count;
        text += "site\t";
        add(one.function);
        add(unit);
        add(std::to_string(number));
        add(std::to_string(one.column));
        add(one.callee);
        add(one.kind);
        add(one.type);
        add(std::to_string(one.size));
        text += "\t0\t\t0\t\t0\t\n";
      }
    }
    return text + "end\t" + std::to_string(count) + "\n";
  }
};

// Compiles with gcc, puts the list into the object file, links.
class ListedProgram {
 public:
  using Change = std::function<std::string(std::string)>;
  ListedProgram(const std::string& flags, const Subject& subject, bool is_cxx,
                const Change& change = {}) {
    char folder[] = "/tmp/allocs_listed_XXXXXX";
    folder_ = mkdtemp(folder);
    const std::string base = (folder_ / "subject").string();
    const std::string name = base + (is_cxx ? ".cc" : ".c");
    std::ofstream{name} << subject.source;
    const std::string list = subject.list(name);
    std::ofstream{base + ".list"} << (change ? change(list) : list);
    const std::string compiler = (is_cxx ? "g++ " : "gcc ") + flags + " -w ";
    const std::string command = compiler + "-c -o " + base + ".o " + name +
                                " && objcopy --add-section .allocs.sites=" + base + ".list " +
                                base + ".o && " + compiler + "-o " + base + " " + base + ".o";
    is_built_ = std::system(command.c_str()) == 0;
  }
  ~ListedProgram() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  ListedProgram(const ListedProgram&) = delete;
  ListedProgram& operator=(const ListedProgram&) = delete;

  bool is_built() const { return is_built_; }
  // With another list in the place of its own.
  std::optional<types::Image> image_with(const std::string& list) {
    const std::string base = (folder_ / "subject").string();
    std::ofstream{base + ".list"} << list;
    const std::string command = "objcopy --update-section .allocs.sites=" + base + ".list " + base;
    EXPECT_EQ(std::system(command.c_str()), 0);
    Diagnostics diag;
    bytes_ = build_image({folder_ / "subject", {}}, diag);
    return types::Image::open(bytes_.data(), bytes_.size());
  }
  std::optional<types::Image> image() {
    Diagnostics diag;
    bytes_ = build_image({folder_ / "subject", {}}, diag);
    EXPECT_TRUE(diag.messages().empty());
    return types::Image::open(bytes_.data(), bytes_.size());
  }

 private:
  std::filesystem::path folder_;
  std::vector<std::byte> bytes_;
  bool is_built_ = false;
};

std::string answer_of(const types::Image& image, const types::SiteRecord& site) {
  if ((site.flags & types::kSiteWrapper) != 0) return "wrapper";
  const types::TypeRecord* type = image.type(site.type);
  return type == nullptr ? "none" : std::string{image.text(type->name)};
}

// What the image of a C program says of the calls of one line; nothing if it could not be built.
std::vector<std::string> answers_at(std::uint32_t line, const char* flags, const Subject& subject) {
  ListedProgram program{flags, subject, false};
  const auto image = program.is_built() ? program.image() : std::nullopt;
  std::vector<std::string> answers;
  if (!image) return answers;
  for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites))
    if (site.line == line) answers.push_back(answer_of(*image, site));
  return answers;
}

// What may be said at a place: of a wrapper that was inlined, what its callers say.
std::set<std::string> right_answers(const Subject& subject, const Listed& one, int depth = 0) {
  std::set<std::string> answers{one.answer()};
  if (one.answer() != "wrapper" || depth > 3) return answers;
  for (const auto& [number, sites] : subject.lines) {
    for (const Listed& caller : sites) {
      if (caller.callee == one.function) answers.merge(right_answers(subject, caller, depth + 1));
    }
  }
  return answers;
}

Tally compare(const types::Image& image, const Subject& subject, const std::string& flags) {
  Tally tally;
  std::map<std::uint32_t, std::set<std::string>> seen;
  const auto cannot_tell = [&](std::uint32_t line, const std::string& expected) {
    ++tally.cannot_tell;
    if (std::getenv("ALLOCS_TEST_VERBOSE") != nullptr)
      printf("  cannot tell: %s: line %u: %s\n", flags.c_str(), line, expected.c_str());
  };
  for (const types::SiteRecord& site : image.table<types::SiteRecord>(types::Table::sites)) {
    const auto line = subject.lines.find(site.line);
    const bool is_subject =
        std::string_view{image.text(site.file)}.find("subject.c") != std::string_view::npos;
    if (!is_subject || line == subject.lines.end() || line->second.empty()) continue;
    const std::string answer = answer_of(image, site);
    std::set<std::string> right;
    for (const Listed& one : line->second) right.merge(right_answers(subject, one));
    seen[site.line].insert(answer);
    if (right.contains(answer)) {
      ++tally.right;
    } else if (answer == "none") {
      cannot_tell(site.line, *right.begin());
    } else {
      ++tally.wrong;
      ADD_FAILURE() << flags << ": line " << site.line << ": " << answer << " instead of "
                    << *right.begin();
    }
  }
  if (!flags.starts_with("-O0")) return tally;
  // Every call has an instruction of its own.
  for (const auto& [number, sites] : subject.lines) {
    for (const Listed& one : sites) {
      const bool is_answered = std::ranges::any_of(right_answers(subject, one),
                                                   [&, number = number](const std::string& answer) {
                                                     return seen[number].contains(answer);
                                                   });
      const bool is_elsewhere = std::ranges::any_of(subject.lines, [&](const auto& line) {
        return std::ranges::any_of(line.second, [&](const Listed& other) {
          return other.function == one.callee && seen[line.first].contains(one.answer());
        });
      });
      if (!is_answered && !is_elsewhere && !seen[number].contains("none"))
        cannot_tell(number, one.answer());
    }
  }
  return tally;
}

// At -O2 gcc puts calls of different types together, of which these subjects are full, unless it is told not to.
constexpr const char* kNoMerging = "-g -fno-ipa-icf -fno-crossjumping";

void check_all(std::string_view text, bool is_cxx) {
  const Subject subject{text};
  Tally all;
  for (const char* level : {"-O0", "-O1", "-O2", "-O3", "-Os", "-Og"}) {
    for (const char* kind :
         {"-g -fPIE -pie", "-gdwarf-4 -fno-PIE -no-pie", "-g -fPIC -shared -fno-plt", kNoMerging}) {
      const std::string flags = std::string{level} + " " + kind;
      ListedProgram program{flags, subject, is_cxx};
      ASSERT_TRUE(program.is_built()) << flags;
      const auto image = program.image();
      ASSERT_TRUE(image) << flags;
      const Tally tally = compare(*image, subject, flags);
      printf("%-45s %3d right %3d wrong %3d cannot tell\n", flags.c_str(), tally.right, tally.wrong,
             tally.cannot_tell);
      all.right += tally.right;
      all.wrong += tally.wrong;
      all.cannot_tell += tally.cannot_tell;
      if (kind == kNoMerging) {
        EXPECT_LE(tally.cannot_tell, 1) << flags;
      }
    }
  }
  const int total = all.right + all.wrong + all.cannot_tell;
  printf("all: %d right, %d wrong, %d cannot tell\n", all.right, all.wrong, all.cannot_tell);
  EXPECT_EQ(all.wrong, 0);
  EXPECT_GE(all.right * 100, total * 85);
}

constexpr std::string_view kC = R"(#include <stdlib.h>
#include <string.h>
struct a { long x, y; struct a *next; };
struct b { double d, e; char *name; };
struct c { long x[5]; };
struct packet { int size; char data[]; };
typedef void *allocate(size_t);
struct ops { allocate *alloc; struct ops *(*get)(void); };
struct a *as; struct b *bs; void *volatile hidden; void *kept, *kept_too;
int use(void *p) { hidden = p; return 0; }
#define NEW(T) ((T *)xmalloc(sizeof(T)))
#define BOTH(p, q) do { p = malloc(sizeof *p); q = malloc(sizeof *q); } while (0)
__attribute__((noinline)) void *xmalloc(size_t n) { void *p = @malloc(n); if (!p) abort(); return p; } //= xmalloc malloc wuo - 0
static inline __attribute__((always_inline)) void *inlined(size_t n) { return @malloc(n + 16); } //= inlined malloc wuo - 0
static void *split(size_t n) { if (n > 1000) { use(0); use(hidden); use(kept); abort(); } return @malloc(n); } //= split malloc wuo - 0
void one(void) { struct a *p = @malloc(sizeof *p); hidden = p; } //= one malloc sao a 24
void cast(void) { struct a *p = (struct a *)@malloc(sizeof *p); hidden = p; } //= cast malloc sao a 24
void parentheses(void) { struct a *p = @(malloc)(sizeof *p); hidden = p; } //= parentheses malloc sao a 24
void many(int k) { struct a *p = @malloc(k * sizeof *p); hidden = p; } //= many malloc saa a 24
void untyped(void) { void *p = @malloc(sizeof(struct c)); hidden = p; } //= untyped malloc suo c 40
void through(struct ops *o) { struct b *p = @o->alloc(sizeof *p); hidden = p; } //= through - sao b 24
void element(struct ops *o, int k) { struct b *p = @o[k].alloc(sizeof *p); hidden = p; } //= element - sao b 24
void got(struct ops *o) { struct b *p = @o->get()->alloc(sizeof *p); hidden = p; } //= got - sao b 24
void macro(void) { struct a *p = @NEW(struct a); hidden = p; } //= macro xmalloc sao a 24
void two_macros(void) { struct a *p = @NEW(struct a); struct c *q = @NEW(struct c); hidden = p; hidden = q; } //= two_macros xmalloc sao a 24 | . xmalloc sao c 40
void in_one_macro(void) { struct a *p; struct c *q; @@BOTH(p, q); hidden = p; hidden = q; } //= in_one_macro malloc sao a 24 | . malloc sao c 40
void in_one_macro_alike(void) { struct a *p; struct b *q; @@BOTH(p, q); kept = p; kept_too = q; } //= in_one_macro_alike malloc sao a 24 | . malloc sao b 24
void two(void) { struct a *p = @malloc(sizeof *p); struct b *q = @malloc(sizeof *q); hidden = p; hidden = q; } //= two malloc sao a 24 | . malloc sao b 24
void on_lines(int k)
{
  hidden =
    @malloc //= on_lines malloc sua b 24
    (
      k *
      sizeof(struct b)
    );
}
void by_inlined(void) { struct a *p = @inlined(sizeof *p); hidden = p; } //= by_inlined inlined sao a 24
void by_inlined_twice(int k) { as = @inlined(sizeof *as); bs = @inlined(sizeof *bs); } //= by_inlined_twice inlined sao a 24 | . inlined sao b 24
void by_split(void) { struct a *p = @split(sizeof *p); hidden = p; } //= by_split split sao a 24
void by_split_too(int k) { struct b *p = @split(k * sizeof *p); hidden = p; } //= by_split_too split saa b 24
struct a *at_the_end(void) { return @malloc(sizeof(struct a)); } //= at_the_end malloc sao a 24
void zeroed(void) { struct a *p = @malloc(sizeof *p); memset(p, 0, sizeof *p); hidden = p; } //= zeroed malloc sao a 24
void grown(int k) { as = @realloc(as, k * sizeof *as); } //= grown realloc saa a 24
void fresh(int k) { as = @realloc(0, k * sizeof *as); } //= fresh realloc saa a 24
void either(int k) { hidden = k ? @malloc(sizeof(struct a)) : @calloc(k, sizeof(struct b)); } //= either malloc suo a 24 | . calloc sua b 24
void nested(void) { hidden = @@realloc(malloc(sizeof(struct a)), sizeof(struct c)); } //= nested realloc suo c 40 | . malloc suo a 24
void looped(int k) { while (k--) { struct a *p = @malloc(sizeof *p); p->next = as; as = p; } } //= looped malloc sao a 24
void flexible(int k) { struct packet *p = @malloc(sizeof *p + k); p->size = k; hidden = p; } //= flexible malloc saf packet 4
void pointers(int k) { hidden = @malloc(k * sizeof(struct a *)); } //= pointers malloc sua __PTR_a 8
void numbers(int k) { hidden = @malloc(k * sizeof(float)); } //= numbers malloc sua float$32 4
void quads(int k) { hidden = @malloc((k + 1) * sizeof(__float128)); } //= quads malloc sua binary128$128 16
void extended(int k) { hidden = @malloc((k + 2) * sizeof(long double)); } //= extended malloc sua float$128 16
void complex_quads(int k) { hidden = @malloc(k * sizeof(_Complex _Float128)); } //= complex_quads malloc sua complex_binary128$256 32
void rows(int k) { hidden = @malloc(k * sizeof(float[4])); } //= rows malloc sua __ARR4_float$32 16
void unknown(int k) { hidden = @malloc(k); } //= unknown malloc - - 0
void joined(int k) { void *p; if (k) p = @malloc(sizeof(struct a)); else p = @malloc(sizeof(struct b)); hidden = p; } //= joined malloc suo a 24 | . malloc suo b 24
static __attribute__((noinline)) void same(void) { hidden = @malloc(sizeof(struct a)); } //= same malloc suo a 24
static __attribute__((noinline)) void same_code(void) { hidden = @malloc(sizeof(struct b)); } //= same_code malloc suo b 24
static struct a *new_a(int k) { struct a *p = @malloc(sizeof *p); if (!p) abort(); p->x = k; return p; } //= new_a malloc sao a 24
static struct b *new_b(int k) { struct b *p = @malloc(sizeof *p); if (!p) abort(); p->d = k; return p; } //= new_b malloc sao b 24
void both(int k) { as = new_a(k); bs = new_b(k); }
void again(int k) { if (k) use(new_a(k)); else use(new_b(k)); same(); same_code(); }
static struct a *set_a(int k) { struct a *p = @malloc(sizeof *p); p->x = k; return p; } //= set_a malloc sao a 24
static struct b *set_b(int k) { struct b *p = @malloc(sizeof *p); p->d = k; return p; } //= set_b malloc sao b 24
void branches(int k) { if (k) { use(0); kept = set_a(k); } else { use(hidden); kept = set_b(k); } }
int main(int argc, char **argv) { one(); both(argc); again(argc); return 0; }
)";

constexpr std::string_view kCxx = R"(#include <cstdlib>
#include <memory>
#include <new>
#include <vector>
struct t { int x, y; };
struct s { s(int = 0); ~s(); int a; s *n; };
struct own { static void *operator new(std::size_t n); static void operator delete(void *); own(); int x[5]; };
struct pool { void *alloc(std::size_t n); virtual void *valloc(std::size_t); template <class T> T *make() { return static_cast<T *>(alloc@(sizeof(T))); } }; //= _ZN4pool4makeI1tEEPT_v _ZN4pool5allocEm sao t 8
void *volatile hidden;
s::s(int) {} s::~s() {} own::own() {}
void *own::operator new(std::size_t n) { return std::malloc@(n); } //= _ZN3ownnwEm malloc wuo - 0
void own::operator delete(void *) {}
__attribute__((noinline)) void *pool::alloc(std::size_t n) { return malloc@(n); } //= _ZN4pool5allocEm malloc wuo - 0
void *pool::valloc(std::size_t n) { return malloc@(n); } //= _ZN4pool6vallocEm malloc wuo - 0
s *global = new s(3@); //= - _Znwm nuo s 16
static t *quiet = static_cast<t *>(std::malloc@(sizeof(t))); //= - malloc sao t 8
void plain() { hidden = new @s; } //= _Z5plainv _Znwm nuo s 16
void with_arguments() { hidden = new s(5@); } //= _Z14with_argumentsv _Znwm nuo s 16
void braces() { hidden = new t{1, 2@}; } //= _Z6bracesv _Znwm nuo t 8
void array(int k) { hidden = new t[k@]; } //= _Z5arrayi _Znam nua t 8
void constructed(int k) { hidden = new s[k@]; } //= _Z11constructedi _Znam nua s 16
void quietly() { hidden = new (std::nothrow) @t; } //= _Z7quietlyv _ZnwmRKSt9nothrow_t nuo t 8
void global_new() { hidden = ::new @t; } //= _Z10global_newv _Znwm nuo t 8
void own_new() { hidden = new @own; } //= _Z7own_newv _ZN3ownnwEm nuo own 20
void member(pool *p) { hidden = p->alloc@(sizeof(t)); } //= _Z6memberP4pool _ZN4pool5allocEm suo t 8
void templated(pool &p) { hidden = p.make<t>(); }
void virtually(pool *p) { hidden = p->valloc@(sizeof(t)); } //= _Z9virtuallyP4pool _ZN4pool6vallocEm suo t 8
template <class T> T *made() { return @@new T; } //= _Z4madeI1tEPT_v _Znwm nuo t 8 | _Z4madeI1sEPT_v _Znwm nuo s 16
void instances() { hidden = made<t>(); hidden = made<s>(); }
template <class T> static T *hidden_made() { return @@new T; } //= _ZL11hidden_madeI1tEPT_v _Znwm nuo t 8 | _ZL11hidden_madeI1sEPT_v _Znwm nuo s 16
void hidden_instances() { hidden = hidden_made<t>(); hidden = hidden_made<s>(); }
void lambda() { auto f = [](int k) { return new t[k@]; }; hidden = f(3); } //= _ZZ6lambdavENKUliE_clEi _Znam nua t 8
namespace { struct secret { long x[3]; }; void inside() { hidden = new @secret; } } //= _ZN12_GLOBAL__N_16insideEv _Znwm nuo (anonymous~namespace)::secret 24
void outside() { inside(); }
void directly() { hidden = operator new@(sizeof(t)); } //= _Z8directlyv _Znwm suo t 8
struct with_member { t *p; with_member() : p(new @t) {} }; //= _ZN11with_memberC1Ev _Znwm nuo t 8
void member_initialiser() { with_member m; hidden = m.p; }
void local_static() { static t *p = new @t; hidden = p; } //= _Z12local_staticv _Znwm nuo t 8
#define MAKE(T) new T
void macros() { hidden = @MAKE(t); hidden = @MAKE(s); } //= _Z6macrosv _Znwm nuo t 8 | . _Znwm nuo s 16
int main() { plain(); hidden = quiet; return 0; }
)";

TEST(ListedSites, OnTheWordOfAPointerAloneDoNotHideAWrapper) {
  const Subject subject{R"(#include <stdlib.h>
__attribute__((noinline)) void *get(size_t n) { long *p = @malloc(n); if (!p) abort(); return p; } //= get malloc tua int$64 8
int main(int argc, char **argv) { return get(argc) == argv; }
)"};
  EXPECT_EQ(answers_at(2, "-g -O2", subject), std::vector<std::string>{"wrapper"});
}

TEST(ListedSites, OnTheWordOfAPointerThatTheFunctionUsesItselfAreNoWrappers) {
  const Subject subject{R"(#include <stdlib.h>
__attribute__((noinline)) char *more(char *s, int n) { s = @realloc(s, *(int *)s + n); s[0] = n; return s; } //= more realloc taa signed_char$8 1
int main(int argc, char **argv) { return more(argv[0], argc) == argv[1]; }
)"};
  EXPECT_EQ(answers_at(2, "-g -O2", subject), std::vector<std::string>{"__ARR0_signed_char$8"});
}

// gcc -O2 splits `given` at its first condition, and inlines the rest in what is left of it.
TEST(ListedSites, OfAWrapperInAFunctionThatIsInlinedInItselfAreWrappers) {
  const Subject subject{R"(#include <stdlib.h>
struct methods { void *(*get)(int); int (*round)(int); int (*size)(void *); } methods;
int is_counting; volatile long used, highest, count, alarm_at, nearly_full; void *mutex, *volatile hidden;
__attribute__((noinline)) void lock(void *m) { used++; }
__attribute__((noinline)) void rang(int n) { used--; }
static void counted(int n, void **out) {
  void *p; int full = methods.round(n);
  if (n > highest) highest = n;
  if (alarm_at > 0) { long u = used; if (u >= alarm_at - full) { nearly_full = 1; rang(full); } else nearly_full = 0; }
  p = @methods.get(full); //= counted - wuo - 0
  if (p) { full = methods.size(p); used += full; count++; if (used > highest) highest = used; }
  *out = p;
}
void *given(unsigned long n) {
  void *p;
  if (n == 0 || n > 0x7fffff00) { p = 0;
  } else if (is_counting) {
    lock(mutex);
    @counted((int)n, &p); //= given counted wuo - 0
    lock(mutex);
  } else {
    p = @methods.get((int)n); //= given - wuo - 0
  }
  return p;
}
void *given32(int n) { return n <= 0 ? 0 : @given(n); } //= given32 given wuo - 0
void *zeroed(unsigned long n) { void *p = @given(n); if (p) *(long *)p = 0; return p; } //= zeroed given wuo - 0
int main(int argc, char **argv) { hidden = given(argc); hidden = zeroed(argc); return 0; }
)"};
  for (const char* level : {"-g -O1", "-g -O2", "-g -O3"}) {
    const std::vector<std::string> answers = answers_at(10, level, subject);
    EXPECT_FALSE(answers.empty()) << level;
    for (const std::string& answer : answers) EXPECT_EQ(answer, "wrapper") << level;
  }
}

// Lists that lie: whatever they say, a block of one T is as large as T, as far as the code tells.
TEST(ListedSites, ThatWereDamagedNeverGiveATypeOfAnotherSize) {
  const Subject subject{kC};
  std::uint32_t state = 1;
  const auto random = [&state](std::uint32_t below) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
  };
  std::string list;
  ListedProgram program{"-g -O1", subject, false, [&](std::string whole) {
                          list = whole;
                          return whole;
                        }};
  ASSERT_TRUE(program.is_built());
  int answers = 0;
  for (int round = 0; round < 60; ++round) {
    std::string damaged = list;
    for (int i = 0; i < 40; ++i) {
      const std::size_t at = random(static_cast<std::uint32_t>(damaged.size()));
      const std::size_t other = random(static_cast<std::uint32_t>(damaged.size()));
      const bool keeps_lines =
          std::string_view{"\t\n"}.find(damaged[at]) == std::string_view::npos &&
          std::string_view{"\t\n"}.find(damaged[other]) == std::string_view::npos;
      if (keeps_lines || round % 4 == 0) damaged[at] = damaged[other];
    }
    const auto image = program.image_with(damaged);
    ASSERT_TRUE(image);
    for (const types::SiteRecord& site : image->table<types::SiteRecord>(types::Table::sites)) {
      const types::TypeRecord* type = image->type(site.type);
      if (type == nullptr) continue;
      ++answers;
      if (site.shape == types::Shape::one && site.constant_size != 0 &&
          site.provenance == types::Provenance::size_arithmetic) {
        EXPECT_EQ(type->size, site.constant_size) << image->text(site.function);
      }
    }
  }
  EXPECT_GT(answers, 0);
}

TEST(ListedSites, OfCAreJoinedAtEveryLevel) { check_all(kC, false); }
TEST(ListedSites, OfCxxAreJoinedAtEveryLevel) { check_all(kCxx, true); }

}  // namespace
}  // namespace allocs::meta
