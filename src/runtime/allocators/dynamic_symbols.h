// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <elf.h>
#include <link.h>

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/every_process.h"

// Symbol look-up in one loaded object of this process, by its own hash table (System V gABI, and the GNU hash table). Unlike
// dlsym it takes no lock, allocates nothing, and works before any constructor ran.
// Context: hook.
namespace allocs::allocators {

// A name with its hash for the GNU table, computed by the compiler.
struct SymbolName {
  consteval SymbolName(const char* name) {  // NOLINT: a name is what it is written as
    for (; name[length] != '\0'; ++length) {
      characters[length] = name[length];
      gnu_hash = gnu_hash * 33 + static_cast<unsigned char>(name[length]);
    }
  }
  constexpr std::string_view text() const { return {characters, length}; }

  // Not a pointer to them: the loader would have to relocate it in every process. A name that is too long does not compile.
  char characters[72] = {};
  std::uint32_t length = 0;
  std::uint32_t gnu_hash = 5381;
};

class DynamicSymbols {
 public:
  [[ALLOCS_EVERY_PROCESS]] explicit DynamicSymbols(const link_map& object)
      : DynamicSymbols(object.l_addr, object.l_ld) {}
  [[ALLOCS_EVERY_PROCESS]] DynamicSymbols(std::uint64_t bias, const ElfW(Dyn) * dynamic)
      : bias_(bias) {
    for (const ElfW(Dyn)* entry = dynamic; entry != nullptr && entry->d_tag != DT_NULL; ++entry) {
      switch (entry->d_tag) {
        case DT_SYMTAB:
          symbols_ = at<ElfW(Sym)>(entry->d_un.d_ptr);
          break;
        case DT_STRTAB:
          strings_ = at<char>(entry->d_un.d_ptr);
          break;
        case DT_GNU_HASH:
          gnu_hash_ = at<std::uint32_t>(entry->d_un.d_ptr);
          break;
        case DT_HASH:
          sysv_hash_ = at<std::uint32_t>(entry->d_un.d_ptr);
          break;
        default:
          break;
      }
    }
  }

  // The symbol that defines `name`, or nullptr.
  [[ALLOCS_EVERY_PROCESS]] const ElfW(Sym) * find(const SymbolName& name) const {
    if (symbols_ == nullptr || strings_ == nullptr) return nullptr;
    if (gnu_hash_ != nullptr) return find_gnu(name);
    return sysv_hash_ != nullptr ? find_sysv(name.text()) : nullptr;
  }

  // Calls act(const ElfW(Sym)&) for each definition of `name`: there is one for each version. Through the GNU table only.
  template <typename Act>
  void for_each(const SymbolName& name, Act act) const {
    if (symbols_ == nullptr || strings_ == nullptr || gnu_hash_ == nullptr) return;
    find_gnu(name, [&](const ElfW(Sym) & symbol) {
      act(symbol);
      return false;
    });
  }

  // Of the symbol with that number; nullptr if there are none.
  const char* name_of(std::uint32_t number) const {
    return symbols_ == nullptr || strings_ == nullptr ? nullptr
                                                      : strings_ + symbols_[number].st_name;
  }

  // Its address, with an indirect function already resolved; nullptr if there is none.
  [[ALLOCS_EVERY_PROCESS]] void* address_of(const SymbolName& name) const {
    const ElfW(Sym)* const symbol = find(name);
    if (symbol == nullptr) return nullptr;
    void* const address = reinterpret_cast<void*>(bias_ + symbol->st_value);
    if (ELF64_ST_TYPE(symbol->st_info) != STT_GNU_IFUNC) return address;
    return reinterpret_cast<void* (*)()>(address)();
  }

 private:
  // The loader has added the bias to most of these pointers, but not to the vDSO's.
  template <typename T>
  const T* at(std::uint64_t pointer) const {
    return reinterpret_cast<const T*>(pointer < bias_ ? pointer + bias_ : pointer);
  }

  bool is_definition_of(const ElfW(Sym) & symbol, std::string_view name) const {
    const auto type = ELF64_ST_TYPE(symbol.st_info);
    const char* const own = strings_ + symbol.st_name;
    return symbol.st_shndx != SHN_UNDEF && symbol.st_value != 0 &&
           (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_OBJECT ||
            type == STT_NOTYPE) &&
           std::memcmp(own, name.data(), name.size()) == 0 && own[name.size()] == '\0';
  }

  const ElfW(Sym) * find_gnu(const SymbolName& name) const {
    return find_gnu(name, [](const ElfW(Sym)&) { return true; });
  }
  // The first definition that is_wanted(symbol).
  template <typename Wanted>
      const ElfW(Sym) * find_gnu(const SymbolName& name, Wanted is_wanted) const {
    const std::uint32_t hash = name.gnu_hash;
    const std::uint32_t bucket_count = gnu_hash_[0];
    const std::uint32_t first_symbol = gnu_hash_[1];
    const std::uint32_t filter_words = gnu_hash_[2];
    const std::uint32_t filter_shift = gnu_hash_[3];
    const auto* const filter = reinterpret_cast<const std::uint64_t*>(gnu_hash_ + 4);
    const auto* const buckets = reinterpret_cast<const std::uint32_t*>(filter + filter_words);
    const std::uint32_t* const chains = buckets + bucket_count;
    if (bucket_count == 0 || filter_words == 0) return nullptr;
    const std::uint64_t word = filter[hash / 64 % filter_words];
    if ((word >> hash % 64 & word >> (hash >> filter_shift) % 64 & 1) == 0) return nullptr;
    std::uint32_t number = buckets[hash % bucket_count];
    if (number < first_symbol) return nullptr;
    for (;; ++number) {
      const std::uint32_t chain = chains[number - first_symbol];
      if ((chain | 1) == (hash | 1) && is_definition_of(symbols_[number], name.text()) &&
          is_wanted(symbols_[number]))
        return &symbols_[number];
      if ((chain & 1) != 0) return nullptr;
    }
  }

  const ElfW(Sym) * find_sysv(std::string_view name) const {
    std::uint32_t hash = 0;
    for (const char c : name) {
      hash = (hash << 4) + static_cast<unsigned char>(c);
      hash = (hash ^ (hash >> 24 & 0xF0)) & 0x0FFFFFFF;
    }
    const std::uint32_t bucket_count = sysv_hash_[0];
    const std::uint32_t* const buckets = sysv_hash_ + 2;
    const std::uint32_t* const chains = buckets + bucket_count;
    if (bucket_count == 0) return nullptr;
    for (std::uint32_t number = buckets[hash % bucket_count]; number != 0;
         number = chains[number]) {
      if (is_definition_of(symbols_[number], name)) return &symbols_[number];
    }
    return nullptr;
  }

  std::uint64_t bias_;
  const ElfW(Sym) * symbols_ = nullptr;
  const char* strings_ = nullptr;
  const std::uint32_t* gnu_hash_ = nullptr;
  const std::uint32_t* sysv_hash_ = nullptr;
};

}  // namespace allocs::allocators
