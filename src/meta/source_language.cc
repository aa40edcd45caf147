// SPDX-License-Identifier: Apache-2.0
#include "meta/source_language.h"

#include <dwarf.h>

namespace allocs::meta {

bool is_c(std::uint64_t language) {
  switch (language) {
    case 0:
    case DW_LANG_C89:
    case DW_LANG_C:
    case DW_LANG_C99:
    case DW_LANG_C11:
    case 0x2c:  // DW_LANG_C17
    case DW_LANG_ObjC:
    case DW_LANG_UPC:
    case DW_LANG_Mips_Assembler:
      return true;
    default:
      return false;
  }
}

bool is_fortran(std::uint64_t language) {
  switch (language) {
    case DW_LANG_Fortran77:
    case DW_LANG_Fortran90:
    case DW_LANG_Fortran95:
    case DW_LANG_Fortran03:
    case DW_LANG_Fortran08:
    case 0x2d:  // DW_LANG_Fortran18
      return true;
    default:
      return false;
  }
}

std::uint64_t first_index_of(std::uint64_t language) {
  switch (language) {
    case DW_LANG_Ada83:
    case DW_LANG_Ada95:
    case 0x2e:  // DW_LANG_Ada2005
    case 0x2f:  // DW_LANG_Ada2012
    case DW_LANG_Cobol74:
    case DW_LANG_Cobol85:
    case DW_LANG_Modula2:
    case DW_LANG_Modula3:
    case DW_LANG_Pascal83:
    case DW_LANG_PLI:
    case DW_LANG_Julia:
      return 1;
    default:
      return is_fortran(language) ? 1 : 0;
  }
}

}  // namespace allocs::meta
