// SPDX-License-Identifier: Apache-2.0
#include "declarations/container_rule.h"

#include <charconv>
#include <span>

#include "declarations/words.h"

namespace allocs::declarations {

namespace {

// A word of the language, and where what stands behind it goes.
struct Clause {
  std::string_view word;
  std::size_t place;
  bool is_required = true;
};
constexpr bool kOptional = false;

constexpr Clause kArray[] = {{"", 0}, {"to", 1, kOptional}, {"length", 2, kOptional}};
constexpr Clause kInside[] = {{"", 0}, {"length", 1, kOptional}};
constexpr Clause kTarget[] = {{"", 0}};
constexpr Clause kBits[] = {
    {"", 0}, {"to", 1, kOptional}, {"plus", 2, kOptional}, {"length", 3, kOptional}};
constexpr Clause kChain[] = {{"", 0}, {"until", 1, kOptional}, {"next", 2}, {"element", 3}};
constexpr Clause kTree[] = {{"", 0},      {"until", 1, kOptional}, {"left", 2},
                            {"right", 3}, {"parent", 4},           {"element", 5}};
constexpr Clause kBlocks[] = {{"", 0},     {"last", 1},  {"first", 2},
                              {"list", 3}, {"until", 4}, {"end", 5}};
constexpr Clause kPages[] = {{"", 0}, {"from", 1}, {"length", 2}};
constexpr Clause kAs[] = {{"", 0}};
constexpr Clause kVariant[] = {{"", 0}, {"index", 1}};

struct Form {
  std::string_view word;
  ContainerForm form;
  std::span<const Clause> clauses;
  bool has_nodes = false;
};
constexpr Form kForms[] = {
    {"array", ContainerForm::array, kArray},
    {"inside", ContainerForm::inside, kInside},
    {"target", ContainerForm::target, kTarget},
    {"bits", ContainerForm::bits, kBits},
    {"chain", ContainerForm::chain, kChain, true},
    {"tree", ContainerForm::tree, kTree, true},
    {"blocks", ContainerForm::blocks, kBlocks},
    {"pages", ContainerForm::pages, kPages},
    {"as", ContainerForm::as, kAs},
    {"variant", ContainerForm::variant, kVariant},
};

std::string words_of_forms() {
  std::string all;
  for (const Form& form : kForms) all.append(all.empty() ? "" : ", ").append(form.word);
  return all;
}

class Parser {
 public:
  Parser(std::string_view text, ContainerRule& rule) : words_(text), rule_(rule) {}

  std::optional<Problem> parse() {
    std::size_t at = 0;
    const std::string_view name = words_.next(at);
    if (name.empty()) return Problem{at, "expected the name of a container"};
    rule_.is_prefix = name.ends_with('*');
    rule_.name = rule_.is_prefix ? name.substr(0, name.size() - 1) : name;
    if (rule_.name.empty()) return Problem{at, "expected a name in front of the *"};
    const std::string_view word = words_.next(at);
    for (const Form& form : kForms) {
      if (word == form.word) return parse(form);
    }
    return Problem{at, "expected one of: " + words_of_forms()};
  }

 private:
  std::optional<Problem> parse(const Form& form) {
    rule_.form = form.form;
    std::size_t at = 0;
    std::string_view word;
    if (const auto problem = operand("a member", rule_.places[0])) return problem;
    for (word = words_.next(at); !word.empty(); word = words_.next(at)) {
      if (const auto problem = clause(form, word, at)) return problem;
    }
    for (const Clause& each : form.clauses) {
      if (each.is_required && rule_.places[each.place].empty())
        return Problem{at, "expected '" + std::string(each.word) + "' and a member"};
    }
    if (form.has_nodes && rule_.node.empty())
      return Problem{at, "expected 'node' and the type of a node"};
    if (form.form == ContainerForm::array && rule_.places[1].empty() == rule_.places[2].empty())
      return Problem{at, "expected either 'to' or 'length', and a member"};
    const bool has_end = !rule_.places[1].empty() && !rule_.places[2].empty();
    if (form.form == ContainerForm::bits && has_end != rule_.places[3].empty())
      return Problem{at, "expected either 'to' and 'plus', or 'length', with members"};
    if (form.form == ContainerForm::pages && rule_.bytes == 0)
      return Problem{at, "expected 'bytes' and how many a page has"};
    return std::nullopt;
  }

  std::optional<Problem> clause(const Form& form, std::string_view word, std::size_t at) {
    for (const Clause& each : form.clauses) {
      if (word == each.word) return operand("a member", rule_.places[each.place]);
    }
    if (word == "of") return operand("the type of an element", rule_.element);
    if (word == "node" && form.has_nodes) return operand("the type of a node", rule_.node);
    if (word == "bytes" && form.form == ContainerForm::pages) return number(rule_.bytes);
    if (word == "least" && form.form == ContainerForm::pages) return number(rule_.least);
    if (word == "if" || word == "unless") {
      rule_.test = word == "if" ? ContainerRule::Test::if_set : ContainerRule::Test::unless_set;
      return operand("a member", rule_.tested);
    }
    return Problem{at,
                   "'" + std::string(word) + "' says nothing of '" + std::string(form.word) + "'"};
  }

  std::optional<Problem> operand(const char* what, std::string& into) {
    std::size_t at = 0;
    const std::string_view word = words_.next(at);
    if (word.empty()) return Problem{at, std::string("expected ") + what};
    if (!into.empty()) return Problem{at, "this has been said"};
    into = word;
    return std::nullopt;
  }
  std::optional<Problem> number(std::uint64_t& into) {
    std::size_t at = 0;
    const std::string_view word = words_.next(at);
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), into);
    const bool is_whole = error == std::errc{} && end == word.data() + word.size() && into != 0;
    if (!is_whole) return Problem{at, "expected a number above 0"};
    return std::nullopt;
  }

  Words words_;
  ContainerRule& rule_;
};

}  // namespace

std::optional<Problem> parse_container(std::string_view text, ContainerRule& result) {
  return Parser(text, result).parse();
}

}  // namespace allocs::declarations
