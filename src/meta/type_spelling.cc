// SPDX-License-Identifier: Apache-2.0
#include "meta/type_spelling.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

// Compilers write template arguments as they like:
//
//     gcc     std::pair<char const*, array<long unsigned int, 5> >     flag<true>   letter<(char)97>
//     clang   std::pair<const char *, array<unsigned long, 5UL>>       flag<true>   letter<'a'>
//
// The name is cut into tokens and put together again with one way of saying things: qualifiers behind the type that they qualify,
// words of base types in one order, numbers without suffixes and casts, no keyword before a tagged type, blanks only between words.
// What is dropped (the type of a value among the arguments) tells two types apart only for parameters declared auto.
namespace allocs::meta {

namespace {

constexpr int kDeepest = 64;
constexpr std::string_view kAnonymous = "{anonymous}";
constexpr std::string_view kAnonymousNamespace = "(anonymous namespace)";

bool is_word_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

template <std::size_t N>
constexpr bool is_one_of(std::string_view word, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}
constexpr std::array<std::string_view, 7> kBaseWords = {"unsigned", "signed", "long",  "short",
                                                        "int",      "char",   "double"};
constexpr std::array<std::string_view, 2> kQualifiers = {"const", "volatile"};
constexpr std::array<std::string_view, 5> kKeywords = {"struct", "class", "union", "enum",
                                                       "typename"};

std::vector<std::string> tokens_of(std::string_view name) {
  std::vector<std::string> tokens;
  while (!name.empty()) {
    std::size_t length = 1;
    if (name.front() == ' ') {
      name.remove_prefix(1);
      continue;
    }
    if (name.starts_with(kAnonymousNamespace) || name.starts_with(kAnonymous)) {
      length = name.starts_with(kAnonymous) ? kAnonymous.size() : kAnonymousNamespace.size();
      tokens.emplace_back(kAnonymous);
    } else if (name.front() == '\'' && name.find('\'', 1) != name.npos) {
      const bool is_escaped = name.size() > 2 && name[1] == '\\';
      length = name.find('\'', is_escaped ? 3 : 2);
      if (length == name.npos) length = name.size() - 1;
      ++length;
      const bool is_plain = length == 3;
      tokens.push_back(is_plain ? std::to_string(static_cast<int>(name[1]))
                                : std::string{name.substr(0, length)});
    } else if (is_word_byte(name.front())) {
      while (length < name.size() && is_word_byte(name[length])) ++length;
      std::string_view word = name.substr(0, length);
      if (std::isdigit(static_cast<unsigned char>(word.front())) != 0) {
        while (word.size() > 1 && std::string_view{"uUlL"}.find(word.back()) != word.npos)
          word.remove_suffix(1);
      }
      tokens.emplace_back(word == "true" ? "1" : word == "false" ? "0" : word);
    } else {
      if (name.starts_with("::") || name.starts_with("&&")) length = 2;
      tokens.emplace_back(name.substr(0, length));
    }
    name.remove_prefix(length);
  }
  return tokens;
}

class Respeller {
 public:
  explicit Respeller(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {}

  std::string respell() {
    list("", 0);
    while (!at_end()) take();  // a closing bracket too many
    return std::move(out_);
  }

 private:
  bool at_end() const { return at_ >= tokens_.size(); }
  const std::string& now() const { return tokens_[at_]; }
  void put(std::string_view token) {
    if (!out_.empty() && is_word_byte(out_.back()) && is_word_byte(token.front())) out_ += ' ';
    out_ += token;
  }
  void take() { put(tokens_[at_++]); }

  // Types or values with commas between them, up to a token that is `closing`.
  void list(std::string_view closing, int depth) {
    while (!at_end() && now() != closing) {
      const std::size_t before = at_;
      argument(depth);
      if (!at_end() && now() == ",") take();
      if (at_ == before) take();
    }
  }

  void argument(int depth) {
    std::string qualifiers = skip_qualifiers();
    skip_cast();
    specifier(depth);
    qualifiers += skip_qualifiers();
    if (qualifiers.find('c') != qualifiers.npos) put("const");
    if (qualifiers.find('v') != qualifiers.npos) put("volatile");
    while (!at_end() && now() != "," && now() != ">" && now() != ")" && now() != "]") {
      if (is_open()) {
        brackets(depth);
      } else if (is_one_of(now(), kKeywords)) {
        ++at_;
      } else {
        take();
      }
    }
  }

  std::string skip_qualifiers() {
    std::string found;
    while (!at_end() && (is_one_of(now(), kQualifiers) || is_one_of(now(), kKeywords))) {
      if (is_one_of(now(), kQualifiers)) found += now().front();
      ++at_;
    }
    return found;
  }

  // (char)97, (color)1: the cast says the type of the parameter, which the template's name implies.
  void skip_cast() {
    if (at_end() || now() != "(") return;
    std::size_t end = at_ + 1;
    while (end < tokens_.size() && tokens_[end] != ")" && tokens_[end] != "(") ++end;
    if (end + 1 >= tokens_.size() || tokens_[end] != ")") return;
    const std::string& next = tokens_[end + 1];
    const bool is_number = std::isdigit(static_cast<unsigned char>(next.front())) != 0 ||
                           (next == "-" && end + 2 < tokens_.size());
    if (is_number) at_ = end + 1;
  }

  void specifier(int depth) {
    if (at_end()) return;
    if (is_one_of(now(), kBaseWords)) return base();
    while (!at_end()) {
      if (now() == "::") {
        if (!out_.empty() && (is_word_byte(out_.back()) || out_.back() == '>' ||
                              out_.back() == '}' || out_.back() == ')')) {
          take();
        } else {
          ++at_;  // the global namespace
        }
      } else if (now() == "__cxx11" && at_ + 1 < tokens_.size() && tokens_[at_ + 1] == "::") {
        at_ += 2;
      } else if (is_word_byte(now().front()) || now() == kAnonymous || now() == "~") {
        if (is_one_of(now(), kQualifiers) || is_one_of(now(), kBaseWords)) return;
        const bool is_operator = now() == "operator";
        take();
        if (is_operator) return;
      } else if (now() == "<") {
        brackets(depth);
        if (at_end() || now() != "::") return;
      } else {
        return;
      }
    }
  }

  bool is_open() const { return now() == "<" || now() == "(" || now() == "["; }
  void brackets(int depth) {
    const std::string_view closing = now() == "<" ? ">" : now() == "(" ? ")" : "]";
    take();
    if (depth < kDeepest) list(closing, depth + 1);
    if (!at_end()) take();
  }

  void base() {
    int longs = 0;
    bool is_unsigned = false, is_signed = false, is_short = false, is_char = false,
         is_double = false;
    std::string qualifiers;
    for (; !at_end() && (is_one_of(now(), kBaseWords) || is_one_of(now(), kQualifiers)); ++at_) {
      const std::string& word = now();
      if (is_one_of(word, kQualifiers)) break;
      longs += word == "long" ? 1 : 0;
      is_unsigned = is_unsigned || word == "unsigned";
      is_signed = is_signed || word == "signed";
      is_short = is_short || word == "short";
      is_char = is_char || word == "char";
      is_double = is_double || word == "double";
    }
    if (is_unsigned) put("unsigned");
    if (is_signed && is_char) put("signed");
    if (is_short) put("short");
    for (int i = 0; i < longs; ++i) put("long");
    if (is_char) put("char");
    if (is_double) put("double");
    if (!is_char && !is_double && !is_short && longs == 0) put("int");
  }

  std::vector<std::string> tokens_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string comparable_spelling(std::string_view name) {
  return Respeller{tokens_of(name)}.respell();
}

}  // namespace allocs::meta
