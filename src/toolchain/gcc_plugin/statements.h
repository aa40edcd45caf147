// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "toolchain/gcc_plugin/gcc.h"

namespace allocs::gcc_plugin {

// Statements of ours, one behind the other.
class Statements {
 public:
  explicit Statements(location_t at) : at_(at) {}

  tree assign(tree type, tree value) {
    tree variable = create_tmp_reg(type);
    put(gimple_build_assign(variable, value));
    return variable;
  }
  tree convert(tree type, tree value) { return assign(type, build1(NOP_EXPR, type, value)); }
  tree add(tree type, tree value, tree more) {
    const tree_code code = POINTER_TYPE_P(type) ? POINTER_PLUS_EXPR : PLUS_EXPR;
    return assign(type, build2(code, type, value, more));
  }
  tree call(tree function, tree type, const vec<tree>& arguments) {
    gcall* made = gimple_build_call_vec(function, arguments);
    tree result = VOID_TYPE_P(type) ? NULL_TREE : create_tmp_reg(type);
    if (result != NULL_TREE) gimple_call_set_lhs(made, result);
    put(made);
    return result;
  }
  void put(gimple* statement) {
    gimple_set_location(statement, at_);
    gimple_seq_add_stmt(&all_, statement);
  }
  gimple_seq all() const { return all_; }

 private:
  location_t at_;
  gimple_seq all_ = nullptr;
};

}  // namespace allocs::gcc_plugin
