// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "toolchain/gcc_plugin/gcc.h"

namespace allocs::gcc_plugin {

// Where the unit of C that gcc parses asks for the size of a type, which is a number by the time that anything else sees it. See size_uses.cc.

// To be called before the unit is read.
void watch_sizes(const char* plugin);

// Whether `argument`, of a call in the body of `in`, may be made of the size of a type or of the offset of a member. To be asked when all of the unit has been
// parsed, and nothing was inlined yet.
bool may_be_made_of_sizes(tree argument, function* in);

// Whether an answer "no" may have been wrong, because something in the unit's files asks for one in a way that is not seen. It looks into all of them, so it is the last question.
bool sizes_may_hide();

}  // namespace allocs::gcc_plugin
