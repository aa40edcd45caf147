// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>

#include "meta/code_scan.h"
#include "meta/compiled_subject.h"
#include "meta/linkage.h"

// For tests: assembler text, linked at fixed addresses, and what the passes over code make of it.
namespace allocs::meta {

class AssembledSubject {
 public:
  // Intel's syntax, starting in .text.
  explicit AssembledSubject(const std::string& text)
      : subject_({"gcc -nostdlib -static -no-pie -Wl,-e,0 -Wl,--build-id=none"},
                 "asm(R\"(.intel_syntax noprefix\n.text\n" + text + "\n.att_syntax\n)\");\n",
                 false),
        files_(open_object_files(subject_.object(), diag_)),
        linkage_(files_) {}

  const ElfFile& object() const { return *files_.object; }
  const Linkage& linkage() const { return linkage_; }
  std::vector<std::uint64_t> starts() const { return linkage_.function_starts(); }
  CodeScan scan() const { return scan_code(object(), linkage_, starts()); }

  // The address of a symbol.
  std::uint64_t operator[](std::string_view name) const {
    for (const Symbol& symbol : files_.symbols)
      if (symbol.name == name && symbol.section != SHN_UNDEF) return symbol.value;
    std::abort();  // a mistake in the test
  }

 private:
  CompiledSubject subject_;
  Diagnostics diag_;
  ObjectFiles files_;
  Linkage linkage_;
};

}  // namespace allocs::meta
