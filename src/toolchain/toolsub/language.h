// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace allocs::toolsub {

// What a driver takes an input for. `linked` is all that it hands to the linker: objects, archives, shared libraries,
// linker scripts, and any suffix that it does not know.
enum class Language {
  linked,
  c,
  cxx,
  c_header,
  cxx_header,
  preprocessed_c,
  preprocessed_cxx,
  assembler,               // .s
  assembler_preprocessed,  // .S: goes through the preprocessor first
  ir,                      // LLVM's: .ll .bc
  other,                   // Objective-C, Fortran, Ada, D, Go, ...: compiled, and no more is known
};

// The language of a file by its suffix. `is_cxx_driver`: g++ and clang++ take C for C++.
Language language_of_file(std::string_view path, bool is_cxx_driver);

// The language that -x names; absent for "none", which ends an -x.
std::optional<Language> language_named(std::string_view name);

// What -x calls it; empty for `linked` and `other`.
std::string_view name_of(Language language);

// Is code generated from it, by a compiler and not only by an assembler?
bool is_compiled(Language language);
bool is_header(Language language);
bool is_assembler(Language language);

}  // namespace allocs::toolsub
