// SPDX-License-Identifier: Apache-2.0
#include "declarations/declaration.h"

#include <algorithm>

namespace allocs::declarations {

namespace {

constexpr std::string_view kLetters = "zZpPiINOa";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || c == '.';
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string quoted(std::string_view text) {
  return text.empty() ? "the end" : "'" + std::string(text) + "'";
}

class SignatureReader {
 public:
  SignatureReader(std::string_view text, Declaration& result) : text_(text), result_(result) {}

  std::optional<Problem> read() {
    if (auto problem = read_name()) return problem;
    if (auto problem = read_parameters()) return problem;
    if (at_ < text_.size() && (text_[at_] == 'z' || text_[at_] == 'p' || text_[at_] == 'i'))
      result_.result = text_[at_++];
    if (auto problem = read_allocator()) return problem;
    if (at_ < text_.size()) {
      return wrong(at_, "expected the result, z, p or i, and then the end, not " +
                            quoted(text_.substr(at_)));
    }
    return check();
  }

 private:
  static Problem wrong(std::size_t at, std::string text) { return {at, std::move(text)}; }

  std::optional<Problem> read_identifier(std::string& into, const char* what) {
    const std::size_t from = at_;
    while (at_ < text_.size() && is_name_character(text_[at_])) ++at_;
    into = text_.substr(from, at_ - from);
    if (!into.empty() && !is_digit(into[0])) return std::nullopt;
    return wrong(from, std::string("expected ") + what + ", not " + quoted(text_.substr(from, 1)));
  }

  // "name" or "file.o::name".
  std::optional<Problem> read_name() {
    const std::size_t parenthesis = text_.find('(');
    const std::size_t colons = text_.substr(0, parenthesis).rfind("::");
    if (colons != std::string_view::npos) {
      if (colons == 0) return wrong(0, "expected the name of an object file before ::");
      result_.file = text_.substr(0, colons);
      at_ = colons + 2;
    }
    return read_identifier(result_.name, "the name of a function");
  }

  std::optional<Problem> read_parameters() {
    if (at_ >= text_.size() || text_[at_] != '(')
      return wrong(at_, "expected ( and the parameters, as in malloc(Z)p");
    for (++at_; at_ < text_.size() && text_[at_] != ')'; ++at_) {
      const char letter = text_[at_];
      if (kLetters.find(letter) == std::string_view::npos) {
        return wrong(at_, "expected a parameter, one of z Z p P i I N O a, or ), not " +
                              quoted(text_.substr(at_, 1)));
      }
      const bool is_capital = letter < 'a';
      if (is_capital && result_.parameters.find(letter) != std::string::npos)
        return wrong(at_, quoted(text_.substr(at_, 1)) + " is there twice");
      result_.parameters += letter;
      if (auto problem = read_unit(letter)) return problem;
    }
    if (at_ >= text_.size()) return wrong(at_, "expected ) after the parameters");
    ++at_;
    return std::nullopt;
  }

  // Digits behind Z; `at_` stays on the last character that was read.
  std::optional<Problem> read_unit(char letter) {
    constexpr std::int64_t kMost = 1 << 20;
    const std::size_t from = at_ + 1;
    if (letter != 'Z' || from >= text_.size() || !is_digit(text_[from])) return std::nullopt;
    std::int64_t unit = 0;
    while (at_ + 1 < text_.size() && is_digit(text_[at_ + 1]) && unit <= kMost)
      unit = unit * 10 + (text_[++at_] - '0');
    if (unit == 0 || unit > kMost)
      return wrong(from, "expected how many bytes Z counts in, from 1 to " + std::to_string(kMost));
    result_.unit = unit;
    return std::nullopt;
  }

  std::optional<Problem> read_allocator() {
    const bool has_arrow = text_.substr(std::min(at_, text_.size()), 2) == "->";
    const bool needs_arrow = result_.role == Role::takes_piece_back;
    if (has_arrow != needs_arrow) {
      return wrong(at_, needs_arrow ? "expected -> and the function that handed the piece out"
                                    : "-> is for functions that take pieces back (subfree)");
    }
    if (!has_arrow) return std::nullopt;
    at_ += 2;
    return read_identifier(result_.allocator, "the function that handed the piece out");
  }

  std::size_t place_of(char letter) const { return text_.find(letter, text_.find('(')); }

  // Which letters go with which role.
  std::optional<Problem> check() const {
    const auto has = [&](char letter) {
      return result_.parameters.find(letter) != std::string::npos;
    };
    const bool is_free = result_.role == Role::frees || result_.role == Role::takes_piece_back;
    if (is_free) {
      for (const char letter : {'Z', 'N', 'O', 'I'}) {
        if (has(letter))
          return wrong(place_of(letter), "a function that frees has P and no other capital letter");
      }
      if (has('P')) return std::nullopt;
      return wrong(text_.find('('), "expected a P: the pointer to what is freed");
    }
    if (has('P')) return wrong(place_of('P'), "P marks what is freed; this function frees nothing");
    if (has('Z') && has('I'))
      return wrong(place_of('I'), "the size is marked twice, by Z and by I");
    const bool is_sized = has('Z') || has('I');
    if (has('N') && !is_sized) return wrong(place_of('N'), "N multiplies a size, so it needs a Z");
    if (result_.role == Role::computes_size) {
      if (has('O')) return wrong(place_of('O'), "O is for functions that hand out memory");
      if (!is_sized) return wrong(text_.find('('), "expected a Z: the size");
      return std::nullopt;
    }
    if (has('O') || result_.result == 'p') return std::nullopt;
    return wrong(text_.size(),
                 "expected p, for a pointer to the block, as the result; or O for the parameter "
                 "that points to where the block's address is stored");
  }

  std::string_view text_;
  Declaration& result_;
  std::size_t at_ = 0;
};

}  // namespace

int Declaration::number_of(char letter) const {
  const std::size_t at = parameters.find(letter);
  return at == std::string::npos ? kNone : static_cast<int>(at);
}

int Declaration::size() const {
  const int size = number_of('Z');
  return size != kNone ? size : number_of('I');
}

bool Declaration::may_be_counted() const {
  const int at = size();
  return at > 0 && count() == kNone &&
         parameters.substr(0, static_cast<std::size_t>(at)).find('z') != std::string::npos;
}

std::optional<Problem> parse_signature(std::string_view text, Declaration& result) {
  return SignatureReader(text, result).read();
}

std::optional<Problem> parse_content(std::string_view text, Content& result) {
  const auto drop_blanks = [&] {
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  };
  std::size_t at = 0;
  while (at < text.size() && is_blank(text[at])) ++at;
  std::size_t from = at;
  drop_blanks();
  result = {Content::Shape::one, {}, 0};
  if (text.ends_with("[]")) {
    result.shape = Content::Shape::array;
    text.remove_suffix(2);
  } else if (text.ends_with("...")) {
    result.shape = Content::Shape::at_least_one;
    text.remove_suffix(3);
  }
  drop_blanks();
  while (text.ends_with('*')) {
    ++result.pointers;
    text.remove_suffix(1);
    drop_blanks();
  }
  for (const std::string_view tag : {"struct ", "union ", "class ", "enum "}) {
    if (text.substr(std::min(from, text.size())).starts_with(tag)) from += tag.size();
  }
  while (from < text.size() && is_blank(text[from])) ++from;
  const std::string_view name = text.substr(std::min(from, text.size()));
  const std::size_t bad = name.find_first_of("[]*=");
  if (bad != std::string_view::npos) {
    return Problem{from + bad,
                   "expected the end: T, T[] or T... and T is a name, perhaps with * behind it"};
  }
  if (name.empty()) return Problem{at, "expected a type, such as char[] or struct addrinfo"};
  result.name = name;
  return std::nullopt;
}

}  // namespace allocs::declarations
