// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/wrappers.h"

#include "elf/eh_frame.h"
#include "runtime/allocators/dynamic_symbols.h"
#include "runtime/allocators/module_frames.h"
#include "runtime/allocators/operators.h"
#include "runtime/index/word.h"

namespace allocs::allocators {

using namespace index;

namespace {

// Functions that return a fresh block whose size follows from an argument, and whose type the caller decides.
#define ALLOCS_WRAPPER_NAME(number, name) SymbolName(#name),
constexpr SymbolName kWrappers[] = {ALLOCS_NEW_OPERATORS(ALLOCS_WRAPPER_NAME) SymbolName("strdup"),
                                    SymbolName("strndup"), SymbolName("wcsdup")};

// ModuleRecord::has_wrappers.
enum class HasWrappers : std::uint32_t { unknown = 0, no, yes };

bool is_in_known_function(Address call, ModuleRecord& module) {
  if (module.dynamic == Address{} ||
      load_relaxed(module.has_wrappers) == static_cast<std::uint32_t>(HasWrappers::no))
    return false;
  const DynamicSymbols symbols(module.bias,
                               reinterpret_cast<const ElfW(Dyn)*>(raw(module.dynamic)));
  HasWrappers has = HasWrappers::no;
  for (const SymbolName& name : kWrappers) {
    const auto* const symbol = symbols.find(name);
    if (symbol == nullptr) continue;
    has = HasWrappers::yes;
    if (raw(call) - module.bias - symbol->st_value < symbol->st_size) return true;
  }
  store_relaxed(module.has_wrappers, static_cast<std::uint32_t>(has));
  return false;
}

}  // namespace

std::optional<runt::PackedRule> wrapper_rule_at(Address return_address, ModuleRecord& module) {
  const Address call = return_address - 1;
  if (!is_in_known_function(call, module) &&
      !is_wrapper_site(module, raw(return_address) - module.bias)) {
    return std::nullopt;
  }
  const auto rule = elf::find_unwind_rule(TrustedMemory{}, eh_frame_of(module), call);
  const auto packed = rule ? runt::PackedRule::pack(*rule) : std::nullopt;
  return packed && !packed->is_outermost() ? packed : std::nullopt;
}

}  // namespace allocs::allocators
