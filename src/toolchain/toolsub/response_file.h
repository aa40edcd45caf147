// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace allocs::toolsub {

// The words of a response file: divided by white space; quotes of both kinds and backslashes as gcc and clang read them.
std::vector<std::string> words_of_response_file(std::string_view text);

// Such a file's text: it gives these words back.
std::string response_file_text(const std::vector<std::string>& words);

// `words` with each @FILE exchanged for the words in it, those of nested files too. An @FILE that cannot be read stays, as
// drivers leave it. Files that name each other in a circle are given up, and stay as well.
std::vector<std::string> expand_response_files(const std::vector<std::string>& words);

}  // namespace allocs::toolsub
