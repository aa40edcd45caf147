// SPDX-License-Identifier: Apache-2.0
//
// lib/allocs/gcc-N/allocs.so: has the sub-allocators that users declare tell of their pieces (declarations/piece_code.h), where gcc makes the
// code. A pass over each function, before any optimisation:
//
//     return p;           becomes    p' = __allocs_piece_made(p, size, cfa, &maker); return p';
//     void take(void *p)  begins with    __allocs_piece_gone(p);
//
// A plugin is loaded by the very gcc for whose headers it was compiled, and by no other: src/toolchain/gcc_plugin/README.md.
#include "toolchain/gcc_plugin/alloca_pass.h"
#include "toolchain/gcc_plugin/declared.h"
#include "toolchain/gcc_plugin/site_verdict.h"
#include "toolchain/gcc_plugin/statements.h"

int plugin_is_GPL_compatible;  // NOLINT(readability-identifier-naming): gcc looks for this name

namespace allocs::gcc_plugin {

namespace {

using declarations::Declaration;
using declarations::Role;

const Declaration* declaration_of(tree function) {
  const char* name = IDENTIFIER_POINTER(DECL_ASSEMBLER_NAME(function));
  const Declaration* found = declared().all.find(*name == '*' ? name + 1 : name);
  if (found == nullptr || !found->is_users) return nullptr;
  return found->tells_pieces() || found->role == Role::takes_piece_back ? found : nullptr;
}

// What a declaration calls the n-th parameter: those in floating-point registers have no letter.
tree parameter(tree function, int number) {
  if (number < 0) return NULL_TREE;
  for (tree each = DECL_ARGUMENTS(function); each != NULL_TREE; each = DECL_CHAIN(each)) {
    if (FLOAT_TYPE_P(TREE_TYPE(each))) continue;
    if (number-- == 0) return each;
  }
  return NULL_TREE;
}

void add_assembly(const std::string& text) {
  static std::unordered_set<std::string> added;
  if (!added.insert(text).second) return;
  symtab->finalize_toplevel_asm(build_string(static_cast<int>(text.size()), text.c_str()));
}

void hide(tree declaration) {
  TREE_PUBLIC(declaration) = 1;
  DECL_EXTERNAL(declaration) = 1;
  DECL_ARTIFICIAL(declaration) = 1;
  DECL_VISIBILITY(declaration) = VISIBILITY_HIDDEN;
  DECL_VISIBILITY_SPECIFIED(declaration) = 1;
}

tree external_function(const char* name, tree type) {
  tree function = build_fn_decl(name, type);
  hide(function);
  TREE_NOTHROW(function) = 1;
  return function;
}

tree piece_made() {
  static tree known = external_function(
      declarations::kPieceMade, build_function_type_list(ptr_type_node, ptr_type_node, sizetype,
                                                         ptr_type_node, ptr_type_node, NULL_TREE));
  return known;
}

tree piece_gone() {
  static tree known = external_function(
      declarations::kPieceGone, build_function_type_list(void_type_node, ptr_type_node, NULL_TREE));
  return known;
}

tree maker_of(const std::string& function) {
  const std::string name = declarations::piece_maker_name(function);
  tree maker =
      build_decl(UNKNOWN_LOCATION, VAR_DECL, get_identifier(name.c_str()), long_integer_type_node);
  hide(maker);
  TREE_STATIC(maker) = 1;
  TREE_ADDRESSABLE(maker) = 1;
  return build_fold_addr_expr_with_type(maker, ptr_type_node);
}

// The size in a variable of ours, since parameters may change; NULL_TREE: it cannot be told.
tree size_of_piece(Statements& statements, tree function, const Declaration& declaration) {
  if (declaration.size() == Declaration::kNone) {
    tree pointee = TREE_TYPE(TREE_TYPE(TREE_TYPE(function)));
    tree size = COMPLETE_TYPE_P(pointee) ? TYPE_SIZE_UNIT(pointee) : NULL_TREE;
    const bool is_told =
        size != NULL_TREE && TREE_CODE(size) == INTEGER_CST && !integer_zerop(size);
    return is_told && !VOID_TYPE_P(pointee) ? fold_convert(sizetype, size) : NULL_TREE;
  }
  const auto as_size = [&](int number) {
    tree each = parameter(function, number);
    return each == NULL_TREE || !INTEGRAL_TYPE_P(TREE_TYPE(each))
               ? NULL_TREE
               : statements.convert(sizetype, statements.assign(TREE_TYPE(each), each));
  };
  tree size = as_size(declaration.size());
  if (size == NULL_TREE) return NULL_TREE;
  if (declaration.unit != 1) {
    tree unit = build_int_cst(sizetype, declaration.unit);
    size = statements.assign(sizetype, build2(MULT_EXPR, sizetype, size, unit));
  }
  if (declaration.count() == Declaration::kNone) return size;
  tree count = as_size(declaration.count());
  return count == NULL_TREE ? NULL_TREE
                            : statements.assign(sizetype, build2(MULT_EXPR, sizetype, size, count));
}

void put_at_entry(gimple_seq statements) {
  edge entry = single_succ_edge(ENTRY_BLOCK_PTR_FOR_FN(cfun));
  gsi_insert_seq_on_edge_immediate(entry, statements);
}

void tell_at(gimple* back, tree size, tree maker) {
  tree value = gimple_return_retval(as_a<greturn*>(back));
  if (value == NULL_TREE || size == NULL_TREE) return;
  const location_t at = gimple_location(back);
  Statements statements(at);
  auto_vec<tree, 4> arguments;
  tree cfa = statements.call(builtin_decl_implicit(BUILT_IN_DWARF_CFA), ptr_type_node, arguments);
  arguments.safe_push(
      statements.convert(ptr_type_node, statements.assign(TREE_TYPE(value), value)));
  arguments.safe_push(size);
  arguments.safe_push(cfa);
  arguments.safe_push(maker);
  tree piece = statements.call(piece_made(), ptr_type_node, arguments);
  tree result = statements.convert(TREE_TYPE(value), piece);
  gimple_stmt_iterator before = gsi_for_stmt(back);
  gsi_insert_seq_before(&before, statements.all(), GSI_SAME_STMT);
  gimple_return_set_retval(as_a<greturn*>(back), result);
}

void tell_pieces(tree function, const Declaration& declaration) {
  if (!POINTER_TYPE_P(TREE_TYPE(TREE_TYPE(function)))) return;
  const std::string name = IDENTIFIER_POINTER(DECL_ASSEMBLER_NAME(function));
  Statements at_entry(DECL_SOURCE_LOCATION(function));
  tree size = size_of_piece(at_entry, function, declaration);
  if (size == NULL_TREE) return;
  DECL_UNINLINABLE(function) = 1;
  DECL_DISREGARD_INLINE_LIMITS(function) = 0;
  for (const char* attribute : {"noinline", "noclone"}) {
    DECL_ATTRIBUTES(function) =
        tree_cons(get_identifier(attribute), NULL_TREE, DECL_ATTRIBUTES(function));
  }
  tree maker = maker_of(declaration.name);
  edge back;
  edge_iterator each;
  auto_vec<gimple*, 4> returns;
  FOR_EACH_EDGE(back, each, EXIT_BLOCK_PTR_FOR_FN(cfun)->preds) {
    gimple_stmt_iterator last = gsi_last_bb(back->src);
    if (!gsi_end_p(last) && gimple_code(gsi_stmt(last)) == GIMPLE_RETURN)
      returns.safe_push(gsi_stmt(last));
  }
  for (gimple* statement : returns) tell_at(statement, size, maker);
  if (at_entry.all() != nullptr) put_at_entry(at_entry.all());
  add_assembly(declarations::piece_made_code());
  add_assembly(declarations::piece_maker_code(declaration.name));
}

void tell_end(tree function, const Declaration& declaration) {
  tree piece = parameter(function, declaration.freed());
  if (piece == NULL_TREE || !POINTER_TYPE_P(TREE_TYPE(piece))) return;
  Statements statements(DECL_SOURCE_LOCATION(function));
  auto_vec<tree, 1> arguments;
  arguments.safe_push(
      statements.convert(ptr_type_node, statements.assign(TREE_TYPE(piece), piece)));
  statements.call(piece_gone(), void_type_node, arguments);
  put_at_entry(statements.all());
  add_assembly(declarations::piece_gone_code());
}

// A function that tells of its pieces touches memory, whatever its source promises.
void forget_purity(tree function) {
  TREE_READONLY(function) = 0;
  DECL_PURE_P(function) = 0;
  DECL_LOOPING_CONST_OR_PURE_P(function) = 0;
}

constexpr pass_data kPassData = {
    GIMPLE_PASS, "allocs_pieces", OPTGROUP_NONE, TV_NONE, PROP_cfg, 0, 0, 0, 0};

class PiecePass : public gimple_opt_pass {
 public:
  explicit PiecePass(gcc::context* context) : gimple_opt_pass(kPassData, context) {}

  unsigned int execute(function* in) override {
    const Declaration* declaration = declaration_of(in->decl);
    if (declaration == nullptr) return 0;
    forget_purity(in->decl);
    if (declaration->tells_pieces()) {
      tell_pieces(in->decl, *declaration);
    } else {
      tell_end(in->decl, *declaration);
    }
    return 0;
  }
};

}  // namespace

}  // namespace allocs::gcc_plugin

int plugin_init(plugin_name_args* plugin, plugin_gcc_version* version) {
  using namespace allocs::gcc_plugin;
  if (!plugin_default_version_check(version, &gcc_version)) return 0;  // says nothing, does nothing
  register_pass_info records{make_alloca_pass(g), kBeforeAllocaPass, 1, PASS_POS_INSERT_AFTER};
  register_callback(plugin->base_name, PLUGIN_PASS_MANAGER_SETUP, nullptr, &records);
  if (declared().all.has_users()) {
    register_pass_info pass{new PiecePass(g), "cfg", 1, PASS_POS_INSERT_AFTER};
    register_callback(plugin->base_name, PLUGIN_PASS_MANAGER_SETUP, nullptr, &pass);
  }
  tell_verdict_on_sites(plugin->base_name);
  return 0;
}
