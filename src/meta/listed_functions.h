// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace allocs::meta {

// Whether a function of a site list and one of the debug information are the same.
enum class FunctionFit : std::uint8_t {
  different,
  perhaps,  // the debug information has no linkage name, and the names that there are agree
  same,
};

// A linkage name without what tells the variants of a constructor or destructor apart, and without what the compiler appends to
// the name of a function that it copied (".constprop.0"). Equal keys, equal functions.
std::string function_key(std::string_view linkage_name);

// A function as the debug information has it.
struct DebugFunction {
  std::string_view name;          // qualified
  std::string_view linkage_name;  // empty: C, or it has internal linkage
};

// The function in whose body the source has the code of `function`: itself, or that around a parallel region of OpenMP, of which gcc
// makes a function "main._omp_fn.0", with the linkage name in the place of the name.
DebugFunction source_function(const DebugFunction& function);

// `listed` is the linkage name in a list, or empty for the initialisers of global variables.
FunctionFit compare_functions(std::string_view listed, const DebugFunction& function);

// "::name" of the innermost function in a linkage name, without template and other arguments; "" if it has no such form.
std::string qualified_name_of(std::string_view linkage_name);

}  // namespace allocs::meta
