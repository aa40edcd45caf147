// SPDX-License-Identifier: Apache-2.0
#include "toolchain/toolsub/response_file.h"

#include <fstream>
#include <iterator>
#include <optional>

namespace allocs::toolsub {

namespace {

constexpr int kDeepestNesting = 32;
constexpr std::size_t kMostWords = std::size_t{1} << 22;
constexpr std::string_view kSpace = " \t\n\r\v\f";

std::optional<std::string> content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return std::nullopt;
  return text;
}

void expand(const std::vector<std::string>& words, int depth, std::vector<std::string>& into) {
  for (const std::string& word : words) {
    std::optional<std::string> text;
    if (word.size() > 1 && word[0] == '@' && depth < kDeepestNesting && into.size() < kMostWords)
      text = content_of(word.substr(1));
    if (text) {
      expand(words_of_response_file(*text), depth + 1, into);
    } else {
      into.push_back(word);
    }
  }
}

}  // namespace

std::vector<std::string> words_of_response_file(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size()) {
      word.push_back(text[++i]);
      in_word = true;
    } else if (quote != '\0') {
      if (c == quote) {
        quote = '\0';
      } else {
        word.push_back(c);
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (kSpace.find(c) != std::string_view::npos) {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word.push_back(c);
      in_word = true;
    }
  }
  if (in_word) words.push_back(std::move(word));
  return words;
}

std::string response_file_text(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text.push_back('"');
    for (const char c : word) {
      if (c == '"' || c == '\\') text.push_back('\\');
      text.push_back(c);
    }
    text.append("\"\n");
  }
  return text;
}

std::vector<std::string> expand_response_files(const std::vector<std::string>& words) {
  std::vector<std::string> expanded;
  expand(words, 0, expanded);
  return expanded;
}

}  // namespace allocs::toolsub
