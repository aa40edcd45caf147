// SPDX-License-Identifier: Apache-2.0
#include "runtime/allocators/wrappers.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/every_process.h"
#include "base/text.h"
#include "elf/eh_frame.h"
#include "runtime/allocators/dynamic_symbols.h"
#include "runtime/allocators/module_frames.h"
#include "runtime/allocators/own_memory.h"
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

// ModuleRecord::known_wrappers: those that the module defines, looked for once. Made by several threads at once it is the same.
struct WrapperCode {
  std::uint64_t offset;
  std::uint64_t size;
};
struct KnownInModule {
  std::size_t count;
  WrapperCode functions[];
};

[[ALLOCS_EVERY_PROCESS]] bool is_in_any(std::uint64_t offset,
                                        std::span<const WrapperCode> functions) {
  for (const WrapperCode& function : functions) {
    if (offset - function.offset < function.size) return true;
  }
  return false;
}

// Is the code at `offset` in one of them? Keeps them, if there is memory.
[[ALLOCS_EVERY_PROCESS]] bool find_known_wrappers(ModuleRecord& module, std::uint64_t offset) {
  std::array<WrapperCode, std::size(kWrappers)> found;
  std::size_t count = 0;
  if (module.dynamic != Address{}) {
    const DynamicSymbols symbols(module.bias,
                                 reinterpret_cast<const ElfW(Dyn)*>(raw(module.dynamic)));
    for (const KnownWrapper& wrapper : kWrappers) {
      if (!is_of_library(module, wrapper.library)) continue;
      const auto* const symbol = symbols.find(wrapper.name);
      if (symbol != nullptr) found[count++] = {symbol->st_value, symbol->st_size};
    }
  }
  static constexpr KnownInModule kNone{};
  const KnownInModule* kept = &kNone;
  if (count != 0) {
    auto* const made = static_cast<KnownInModule*>(
        allocate_own(sizeof(KnownInModule) + count * sizeof(WrapperCode)));
    if (made != nullptr) {
      made->count = count;
      std::copy_n(found.begin(), count, made->functions);
    }
    kept = made;
  }
  if (kept != nullptr)
    store_release(module.known_wrappers, address_of(static_cast<const void*>(kept)));
  return is_in_any(offset, {found.data(), count});
}

[[ALLOCS_EVERY_PROCESS]] bool is_in_known_function(Address call, ModuleRecord& module) {
  const std::uint64_t offset = raw(call) - module.bias;
  const Address kept = load_acquire(module.known_wrappers);
  if (kept == Address{}) return find_known_wrappers(module, offset);
  const auto& known = *reinterpret_cast<const KnownInModule*>(raw(kept));
  return is_in_any(offset, {known.functions, known.count});
}

}  // namespace

[[ALLOCS_EVERY_PROCESS]] std::optional<runt::PackedRule> wrapper_rule_at(Address return_address,
                                                                         ModuleRecord& module) {
  const Address call = return_address - 1;
  const std::uint64_t offset = raw(return_address) - module.bias;
  const bool is_wrapper = is_in_known_function(call, module)
                              ? module.is_executable == 0 || !is_site_of_constant(module, offset)
                              : is_wrapper_site(module, offset);
  if (!is_wrapper) return std::nullopt;
  const auto rule = elf::find_unwind_rule(TrustedMemory{}, eh_frame_of(module), call);
  const auto packed = rule ? runt::PackedRule::pack(*rule) : std::nullopt;
  return packed && !packed->is_outermost() ? packed : std::nullopt;
}

}  // namespace allocs::allocators
