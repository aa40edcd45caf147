// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <llvm/ADT/StringMap.h>
#include <llvm/IR/DIBuilder.h>
#include <llvm/IR/Module.h>

#include <optional>

#include "toolchain/plugin/conveyance.h"

// The typedefs of Conveyance, as passes over the code find them in the debug information, and the types that they stand for.
namespace allocs::plugin {

// What Conveyance wrote in the name of a typedef.
struct Mark {
  types::SiteKind kind;
  char flag = kNoFlag;
  llvm::DIType* type = nullptr;
  llvm::StringRef dimensions;  // "x4x3": it is T[4][3] of the type T
  llvm::StringRef name;        // of the typedef
};

// Nothing if `marker` is no such typedef.
std::optional<Mark> mark_of(const llvm::DIType* marker);

// The typedef that a cast of ours made the compiler keep, if `kept` is one of those.
const llvm::DIType* marker_in_cast(const llvm::DIScope* kept);

// All of those in a module, by name.
llvm::StringMap<const llvm::DIType*> markers_in_casts(const llvm::Module& module);

// Makes the types of one unit that marks stand for.
class MarkedTypes {
 public:
  MarkedTypes(llvm::DICompileUnit* unit, llvm::Module& module)
      : unit_(unit), builder_(module, false, unit) {}

  // T, of which the mark may only have the innermost element.
  llvm::DIType* with_dimensions(const Mark& mark);
  // What a marker is to say of a block: T, or T and what follows. nullptr of a wrapper's.
  llvm::DIType* of_block(const Mark& mark);
  llvm::DIBuilder& builder() { return builder_; }

 private:
  llvm::DIType* with_cookie(llvm::DIType* element, std::uint64_t words);
  llvm::DIType* renewed(const llvm::DICompositeType* record);
  llvm::DIType* renewed_union(const llvm::DICompositeType* record);
  llvm::DIType* array_of(llvm::DIType* element);
  llvm::DIType* flexible(llvm::DIType* head, llvm::DIType* tail, std::uint64_t tail_offset);

  llvm::DICompileUnit* unit_;
  llvm::DIBuilder builder_;
};

}  // namespace allocs::plugin
