// SPDX-License-Identifier: Apache-2.0
#include "toolchain/toolsub/language.h"

#include <string>

namespace allocs::toolsub {

namespace {

struct NamedLanguage {
  std::string_view name;
  Language language;
};

constexpr NamedLanguage kSuffixes[] = {
    {"c", Language::c},
    {"h", Language::c_header},
    {"i", Language::preprocessed_c},
    {"ii", Language::preprocessed_cxx},
    {"cc", Language::cxx},
    {"cp", Language::cxx},
    {"cxx", Language::cxx},
    {"cpp", Language::cxx},
    {"CPP", Language::cxx},
    {"c++", Language::cxx},
    {"C", Language::cxx},
    {"CC", Language::cxx},
    {"hh", Language::cxx_header},
    {"H", Language::cxx_header},
    {"hp", Language::cxx_header},
    {"hxx", Language::cxx_header},
    {"hpp", Language::cxx_header},
    {"HPP", Language::cxx_header},
    {"h++", Language::cxx_header},
    {"tcc", Language::cxx_header},
    {"s", Language::assembler},
    {"S", Language::assembler_preprocessed},
    {"sx", Language::assembler_preprocessed},
    {"ll", Language::ir},
    {"bc", Language::ir},
    {"m", Language::other},
    {"mi", Language::other},
    {"mm", Language::other},
    {"M", Language::other},
    {"mii", Language::other},
    {"cppm", Language::other},
    {"ixx", Language::other},
    {"cu", Language::other},
    {"cl", Language::other},
    {"f", Language::other},
    {"for", Language::other},
    {"ftn", Language::other},
    {"F", Language::other},
    {"FOR", Language::other},
    {"fpp", Language::other},
    {"f90", Language::other},
    {"f95", Language::other},
    {"f03", Language::other},
    {"f08", Language::other},
    {"F90", Language::other},
    {"F95", Language::other},
    {"F03", Language::other},
    {"F08", Language::other},
    {"adb", Language::other},
    {"ads", Language::other},
    {"d", Language::other},
    {"go", Language::other},
};

constexpr NamedLanguage kNames[] = {
    {"c", Language::c},
    {"c++", Language::cxx},
    {"c-header", Language::c_header},
    {"c++-header", Language::cxx_header},
    {"cpp-output", Language::preprocessed_c},
    {"c-cpp-output", Language::preprocessed_c},
    {"c++-cpp-output", Language::preprocessed_cxx},
    {"assembler", Language::assembler},
    {"assembler-with-cpp", Language::assembler_preprocessed},
    {"ir", Language::ir},
};

}  // namespace

Language language_of_file(std::string_view path, bool is_cxx_driver) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return Language::linked;
  const std::string_view suffix = name.substr(dot + 1);
  for (const NamedLanguage& known : kSuffixes) {
    if (known.name != suffix) continue;
    if (!is_cxx_driver) return known.language;
    if (known.language == Language::c) return Language::cxx;
    if (known.language == Language::c_header) return Language::cxx_header;
    if (known.language == Language::preprocessed_c) return Language::preprocessed_cxx;
    return known.language;
  }
  return Language::linked;
}

std::optional<Language> language_named(std::string_view name) {
  if (name == "none") return std::nullopt;
  for (const NamedLanguage& known : kNames) {
    if (known.name == name) return known.language;
  }
  return Language::other;
}

std::string_view name_of(Language language) {
  if (language == Language::preprocessed_c) return "cpp-output";
  for (const NamedLanguage& known : kNames) {
    if (known.language == language) return known.name;
  }
  return {};
}

bool is_compiled(Language language) {
  return language != Language::linked && !is_assembler(language);
}

bool is_header(Language language) {
  return language == Language::c_header || language == Language::cxx_header;
}

bool is_assembler(Language language) {
  return language == Language::assembler || language == Language::assembler_preprocessed;
}

}  // namespace allocs::toolsub
