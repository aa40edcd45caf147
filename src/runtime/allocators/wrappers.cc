// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/wrappers.h"

#include "base/text.h"
#include "elf/eh_frame.h"
#include "runtime/allocators/dynamic_symbols.h"
#include "runtime/allocators/module_frames.h"
#include "runtime/index/word.h"

namespace allocs::allocators {

using namespace index;

namespace {

// Functions that hand out a block whose type the caller knows better. Of a library's the file must be called as the library says: another
// one's function of that name may be something else.
struct KnownWrapper {
  consteval KnownWrapper(const char* library_name, const char* function) : name(function) {
    for (std::size_t i = 0; library_name[i] != '\0'; ++i) library[i] = library_name[i];
  }
  char library[24] = {};  // soname; empty: any. As SymbolName, no pointer
  SymbolName name;
};
#define X(library, name) {library, name},
constexpr KnownWrapper kWrappers[] = {
#include <known_wrappers.inc>  // made of src/declarations/libraries.allocs by the build
};
#undef X

bool is_of_library(const ModuleRecord& module, std::string_view library) {
  if (library.empty()) return true;
  if (module.path == Address{}) return false;
  const std::string_view path(reinterpret_cast<const char*>(raw(module.path)));
  const std::string_view file = part_of(path, path.rfind('/') + 1);
  if (!begins_with(file, library)) return false;
  const std::string_view rest = part_of(file, library.size());
  return rest.empty() || rest.front() == '.';
}

// ModuleRecord::has_wrappers.
enum class HasWrappers : std::uint32_t { unknown = 0, no, yes };

bool is_in_known_function(Address call, ModuleRecord& module) {
  if (module.dynamic == Address{} ||
      load_relaxed(module.has_wrappers) == static_cast<std::uint32_t>(HasWrappers::no))
    return false;
  const DynamicSymbols symbols(module.bias,
                               reinterpret_cast<const ElfW(Dyn)*>(raw(module.dynamic)));
  HasWrappers has = HasWrappers::no;
  for (const KnownWrapper& wrapper : kWrappers) {
    if (!is_of_library(module, wrapper.library)) continue;
    const auto* const symbol = symbols.find(wrapper.name);
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
