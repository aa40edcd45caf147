// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <clang/Lex/PPCallbacks.h>
#include <clang/Lex/Preprocessor.h>

#include "toolchain/memo/dependencies.h"

namespace allocs::plugin {

// What asks for the time has another outcome each time.
class ClockWatch : public clang::PPCallbacks {
 public:
  ClockWatch(const clang::Preprocessor& preprocessor, memo::DependencyRecord& record)
      : date_(preprocessor.getIdentifierInfo("__DATE__")),
        time_(preprocessor.getIdentifierInfo("__TIME__")),
        timestamp_(preprocessor.getIdentifierInfo("__TIMESTAMP__")),
        record_(record) {}

  void MacroExpands(const clang::Token& name, const clang::MacroDefinition& definition,
                    clang::SourceRange, const clang::MacroArgs*) override {
    const clang::IdentifierInfo* macro = name.getIdentifierInfo();
    if (macro != date_ && macro != time_ && macro != timestamp_) return;
    if (definition.getMacroInfo()->isBuiltinMacro()) record_.give_up();
  }

 private:
  const clang::IdentifierInfo* date_;
  const clang::IdentifierInfo* time_;
  const clang::IdentifierInfo* timestamp_;
  memo::DependencyRecord& record_;
};

}  // namespace allocs::plugin
