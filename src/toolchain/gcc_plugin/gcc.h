// SPDX-License-Identifier: Apache-2.0
#pragma once

// gcc's own headers, which must be included in this order, and poison names of the C++ library: what else needs that comes before.
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "declarations/environment.h"
#include "declarations/piece_code.h"

// clang-format off
#include <gcc-plugin.h>
#include <plugin-version.h>
#include <context.h>
#include <tm.h>
#include <options.h>
#include <flags.h>
#include <function.h>
#include <tree.h>
#include <gimple.h>
#include <tree-pass.h>
#include <cgraph.h>
#include <stringpool.h>
#include <attribs.h>
#include <fold-const.h>
#include <gimplify.h>
#include <gimple-iterator.h>
#include <gimple-expr.h>
#include <calls.h>
#include <debug.h>
#include <tree-cfg.h>
#include <tree-eh.h>
#include <cfghooks.h>
#include <basic-block.h>
#include <diagnostic.h>
#include <langhooks.h>
// clang-format on
