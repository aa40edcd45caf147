// SPDX-License-Identifier: Apache-2.0
#include "meta/listed_functions.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

#include "meta/type_spelling.h"

namespace allocs::meta {

namespace {

bool is_global_initialiser(std::string_view name) {
  return name.starts_with("__static_initialization_and_destruction") ||
         name.starts_with("_GLOBAL__") || name.starts_with("__tls_init");
}

std::string demangled(std::string_view linkage_name) {
  const std::string name{linkage_name};
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text{
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), &std::free};
  return status == 0 && text != nullptr ? text.get() : "";
}

// Where the bracket at `open` is closed, or npos.
std::size_t closing(std::string_view text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '(' || text[i] == '<' || text[i] == '[') ++depth;
    if (text[i] == ')' || text[i] == '>' || text[i] == ']') --depth;
    if (depth == 0) return i;
  }
  return text.npos;
}

// The declarator of a demangled function: "t* ns::tmpl<t>(int) const" gives "ns::tmpl<t>".
std::string_view declarator(std::string_view text) {
  constexpr std::string_view kAnonymous = "(anonymous namespace)";
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_call = text[i] == '(' && !text.substr(i).starts_with(kAnonymous);
    if (is_call) {
      const bool is_operator = text.substr(begin, i - begin).ends_with("operator");
      if (!is_operator) return text.substr(begin, i - begin);
    }
    if (text[i] == ' ') {
      begin = i + 1;
    } else if (text[i] == '(' || text[i] == '<' || text[i] == '[') {
      if (text.substr(0, i).ends_with("operator") && text[i] == '<') continue;
      const std::size_t end = closing(text, i);
      if (end == text.npos) return text.substr(begin);
      i = end;
    }
  }
  return text.substr(begin);
}

bool has_lambda(std::string_view linkage_name) {
  // The second is clang's own, for lambdas that no other unit can name.
  return linkage_name.find("Ul") != linkage_name.npos ||
         linkage_name.find("$_") != linkage_name.npos;
}

}  // namespace

std::string function_key(std::string_view linkage_name) {
  std::string key{linkage_name.substr(0, linkage_name.find('.'))};
  if (!key.starts_with("_Z")) return key;
  for (std::size_t i = 2; i + 2 < key.size(); ++i) {
    const bool is_variant = (key[i] == 'C' || key[i] == 'D') && key[i + 1] >= '0' &&
                            key[i + 1] <= '5' && key[i + 2] == 'E';
    if (is_variant) key[i + 1] = '1';
  }
  return key;
}

std::string qualified_name_of(std::string_view linkage_name) {
  if (!linkage_name.starts_with("_Z")) return std::string{linkage_name};
  return comparable_spelling(declarator(demangled(linkage_name.substr(0, linkage_name.find('.')))));
}

DebugFunction source_function(const DebugFunction& function) {
  const std::size_t region = function.name.find("._omp_fn.");
  if (!function.linkage_name.empty() || region == function.name.npos) return function;
  const std::string_view around = function.name.substr(0, region);
  // Names of scopes around it may come first: they are a function's.
  const std::size_t colon = around.rfind(':');
  const std::string_view own = colon == around.npos ? around : around.substr(colon + 1);
  return {own, own.starts_with("_Z") ? own : std::string_view{}};
}

FunctionFit compare_functions(std::string_view listed, const DebugFunction& function) {
  if (listed.empty()) {
    return is_global_initialiser(function.name) ? FunctionFit::same : FunctionFit::different;
  }
  if (!function.linkage_name.empty()) {
    if (function_key(listed) == function_key(function.linkage_name)) return FunctionFit::same;
    // Compilers number the lambdas of a function differently.
    return has_lambda(listed) && has_lambda(function.linkage_name) ? FunctionFit::perhaps
                                                                   : FunctionFit::different;
  }
  if (listed == function.name) return FunctionFit::same;
  if (!listed.starts_with("_Z")) return FunctionFit::different;
  if (has_lambda(listed) && function.name.find("operator()") != function.name.npos)
    return FunctionFit::perhaps;
  return qualified_name_of(listed) == comparable_spelling(function.name) ? FunctionFit::perhaps
                                                                         : FunctionFit::different;
}

}  // namespace allocs::meta
