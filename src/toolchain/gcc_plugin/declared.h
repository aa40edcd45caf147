// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "toolchain/gcc_plugin/gcc.h"

namespace allocs::gcc_plugin {

// What users and libraries declare of functions, read when it is first asked for.
inline const declarations::DeclaredHere& declared() {
  static const declarations::DeclaredHere here = declarations::declared_here();
  return here;
}

}  // namespace allocs::gcc_plugin
