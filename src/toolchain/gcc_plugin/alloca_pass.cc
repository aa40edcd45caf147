// SPDX-License-Identifier: Apache-2.0
//
// The same as clang's (src/toolchain/plugin/alloca_pass.cc has the essay), in gcc's terms:
//
//     p = alloca(n)             raw = alloca(n + before), a record in `raw` that becomes the head, p = raw + before
//     return                    head = null, in functions that are always inlined; of others that call alloca gcc inlines none
//     __builtin_stack_save      kept = head;  and head = kept where that stack pointer is restored
//     setjmp()                  kept = head before it, head = kept behind it, in memory
//
// The type is what the pointer that gets the block points at: sizeof has become a number by now.
#include "toolchain/gcc_plugin/alloca_pass.h"

#include "toolchain/gcc_plugin/statements.h"
#include "types/alloca_record.h"

namespace allocs::gcc_plugin {

namespace {

using types::AllocaRecord;

bool is_call_of(gimple* statement, built_in_function function) {
  return gimple_call_builtin_p(statement, function);
}

bool is_block(gimple* statement) {
  if (!is_call_of(statement, BUILT_IN_ALLOCA) &&
      !is_call_of(statement, BUILT_IN_ALLOCA_WITH_ALIGN) &&
      !is_call_of(statement, BUILT_IN_ALLOCA_WITH_ALIGN_AND_MAX))
    return false;
  auto* call = as_a<gcall*>(statement);
  return !gimple_call_alloca_for_var_p(call) && gimple_call_lhs(call) != NULL_TREE;
}

struct Places {
  auto_vec<gcall*, 4> blocks, saves, restores, returning_twice;

  explicit Places(function* in) {
    basic_block block;
    FOR_EACH_BB_FN(block, in) {
      for (gimple_stmt_iterator at = gsi_start_bb(block); !gsi_end_p(at); gsi_next(&at)) {
        auto* call = dyn_cast<gcall*>(gsi_stmt(at));
        if (call == nullptr) continue;
        if (is_block(call))
          blocks.safe_push(call);
        else if (is_call_of(call, BUILT_IN_STACK_SAVE))
          saves.safe_push(call);
        else if (is_call_of(call, BUILT_IN_STACK_RESTORE))
          restores.safe_push(call);
        else if ((gimple_call_flags(call) & ECF_RETURNS_TWICE) != 0)
          returning_twice.safe_push(call);
      }
    }
  }
};

bool is_for_us(tree function) {
  const int excluded = SANITIZE_ADDRESS | SANITIZE_HWADDRESS;
  return POINTER_SIZE == 64 && debug_info_level >= DINFO_LEVEL_NORMAL && !flag_split_stack &&
         (flag_sanitize & excluded) == 0 && !cfun->coroutine_component &&
         lookup_attribute("naked", DECL_ATTRIBUTES(function)) == NULL_TREE;
}

// What a pointer to T says of a block of so many bytes, as clang's plugin has it where only the pointer tells: site_choice.cc.
const char* kind_of(tree type, tree size) {
  if (!COMPLETE_TYPE_P(type) || VOID_TYPE_P(type) || TREE_CODE(type) == FUNCTION_TYPE)
    return nullptr;
  tree unit = TYPE_SIZE_UNIT(type);
  if (TREE_CODE(unit) != INTEGER_CST || integer_zerop(unit) || integer_onep(unit)) return nullptr;
  if (TREE_CODE(size) == INTEGER_CST && tree_fits_uhwi_p(size) && tree_fits_uhwi_p(unit)) {
    const unsigned HOST_WIDE_INT bytes = tree_to_uhwi(size), one = tree_to_uhwi(unit);
    if (bytes < one) return nullptr;
    if (bytes % one == 0) return bytes == one ? "tuo" : "tua";
  }
  return AGGREGATE_TYPE_P(type) ? "tul" : "tua";
}

// The constant of the unit that stands for T, or null.
tree constant_of(tree type, tree size) {
  static std::unordered_map<std::string, tree> made;  // by kind and type
  type = TYPE_MAIN_VARIANT(type);
  const char* kind = kind_of(type, size);
  if (kind == nullptr || flag_merge_constants >= 2) return null_pointer_node;
  tree& constant = made[kind + std::to_string(TYPE_UID(type))];
  if (constant == NULL_TREE) {
    const std::string name = std::string{types::kAllocaTypePrefix} + kind;
    constant = build_decl(BUILTINS_LOCATION, VAR_DECL, get_identifier(name.c_str()),
                          build_qualified_type(build_pointer_type(type), TYPE_QUAL_CONST));
    const std::string symbol = name + '.' + std::to_string(made.size());
    SET_DECL_ASSEMBLER_NAME(constant, get_identifier(symbol.c_str()));
    TREE_STATIC(constant) = 1;
    TREE_READONLY(constant) = 1;
    TREE_ADDRESSABLE(constant) = 1;
    TREE_USED(constant) = 1;
    DECL_ARTIFICIAL(constant) = 1;
    DECL_CONTEXT(constant) = NULL_TREE;
    DECL_INITIAL(constant) = build_zero_cst(TREE_TYPE(constant));
    varpool_node::finalize_decl(constant);
    tree current = current_function_decl;
    current_function_decl = NULL_TREE;
    (*debug_hooks->early_global_decl)(constant);
    current_function_decl = current;
  }
  return build_fold_addr_expr_with_type(constant, ptr_type_node);
}

tree new_head(tree function) {
  tree type = build_qualified_type(ptr_type_node, TYPE_QUAL_VOLATILE);
  tree head = build_decl(DECL_SOURCE_LOCATION(function), VAR_DECL,
                         get_identifier(types::kAllocaHeadName.data()), type);
  DECL_CONTEXT(head) = function;
  DECL_ARTIFICIAL(head) = 1;
  TREE_USED(head) = 1;
  TREE_ADDRESSABLE(head) = 1;
  TREE_THIS_VOLATILE(head) = 1;
  TREE_SIDE_EFFECTS(head) = 1;  // or it would be kept in a register
  DECL_SEEN_IN_BIND_EXPR_P(head) = 1;
  add_local_decl(cfun, head);
  tree block = DECL_INITIAL(function);
  DECL_CHAIN(head) = BLOCK_VARS(block);
  BLOCK_VARS(block) = head;
  return head;
}

// In memory for good: what comes back by a longjmp finds it there.
tree new_kept(tree function) {
  tree kept = create_tmp_var_raw(build_qualified_type(ptr_type_node, TYPE_QUAL_VOLATILE));
  DECL_CONTEXT(kept) = function;
  TREE_ADDRESSABLE(kept) = 1;
  TREE_THIS_VOLATILE(kept) = 1;
  TREE_SIDE_EFFECTS(kept) = 1;
  add_local_decl(cfun, kept);
  return kept;
}

class Instrumenter {
 public:
  explicit Instrumenter(tree function) : function_(function), head_(new_head(function)) {}

  void record(gcall* call) {
    const location_t where = gimple_location(call);
    unsigned HOST_WIDE_INT before = MAX(sizeof(AllocaRecord), BIGGEST_ALIGNMENT / BITS_PER_UNIT);
    if (!is_call_of(call, BUILT_IN_ALLOCA)) {
      tree bits = gimple_call_arg(call, 1);
      if (!tree_fits_uhwi_p(bits)) return;
      before = MAX(before, tree_to_uhwi(bits) / BITS_PER_UNIT);
    }
    tree result = gimple_call_lhs(call);
    tree asked = gimple_call_arg(call, 0);
    Statements first(where);
    tree size = hidden(
        first, first.convert(long_unsigned_type_node, first.assign(TREE_TYPE(asked), asked)));
    tree whole = first.convert(
        size_type_node,
        first.add(long_unsigned_type_node, size, build_int_cst(long_unsigned_type_node, before)));
    gimple_stmt_iterator at = gsi_for_stmt(call);
    gsi_insert_seq_before(&at, first.all(), GSI_SAME_STMT);
    tree raw = create_tmp_reg(ptr_type_node);
    gimple_call_set_arg(call, 0, whole);
    gimple_call_set_lhs(call, raw);

    Statements then(where);
    tree record = then.add(ptr_type_node, raw, size_int(before - sizeof(AllocaRecord)));
    const auto put = [&](tree value, std::size_t offset) {
      then.put(gimple_build_assign(word_at(record, offset),
                                   then.convert(long_unsigned_type_node, value)));
    };
    put(then.assign(ptr_type_node, head_), offsetof(AllocaRecord, next));
    put(size, offsetof(AllocaRecord, size));
    put(here(then), offsetof(AllocaRecord, site));
    put(then.assign(ptr_type_node, constant_of(TREE_TYPE(TREE_TYPE(result)), asked)),
        offsetof(AllocaRecord, type));
    then.put(gimple_build_assign(head_, record));
    tree begin = then.add(ptr_type_node, raw, size_int(before));
    then.put(gimple_build_assign(result, then.convert(TREE_TYPE(result), begin)));
    gsi_insert_seq_after(&at, then.all(), GSI_SAME_STMT);
  }

  void empty_before_returns() {
    edge back;
    edge_iterator each;
    FOR_EACH_EDGE(back, each, EXIT_BLOCK_PTR_FOR_FN(cfun)->preds) {
      gimple_stmt_iterator last = gsi_last_bb(back->src);
      if (!gsi_end_p(last) && gimple_code(gsi_stmt(last)) == GIMPLE_RETURN)
        gsi_insert_before(&last, gimple_build_assign(head_, null_pointer_node), GSI_SAME_STMT);
    }
  }

  void empty_at_entry() {
    edge entry = single_succ_edge(ENTRY_BLOCK_PTR_FOR_FN(cfun));
    gsi_insert_on_edge_immediate(entry, gimple_build_assign(head_, null_pointer_node));
  }

  void keep_over_setjmp(gcall* call) {
    tree kept = new_kept(function_);
    // Ways that come back enter the block as well, but not by these edges.
    basic_block block = gimple_bb(call);
    auto_vec<edge, 2> ways;
    edge way;
    edge_iterator each;
    FOR_EACH_EDGE(way, each, block->preds) {
      if ((way->flags & EDGE_ABNORMAL) == 0) ways.safe_push(way);
    }
    Statements after(gimple_location(call));
    after.put(gimple_build_assign(head_, after.assign(ptr_type_node, kept)));
    gimple_stmt_iterator at = gsi_for_stmt(call);
    gsi_insert_seq_after(&at, after.all(), GSI_SAME_STMT);
    for (edge each_way : ways) {
      Statements before(gimple_location(call));
      before.put(gimple_build_assign(kept, before.assign(ptr_type_node, head_)));
      gsi_insert_seq_on_edge_immediate(each_way, before.all());
    }
  }

  void keep_over_array(gcall* save, const Places& places) {
    tree kept = create_tmp_var(ptr_type_node);
    gimple_stmt_iterator at = gsi_for_stmt(save);
    gsi_insert_before(&at, gimple_build_assign(kept, head_), GSI_SAME_STMT);
    for (gcall* restore : places.restores) {
      if (gimple_call_arg(restore, 0) != gimple_call_lhs(save)) continue;
      at = gsi_for_stmt(restore);
      gsi_insert_before(&at, gimple_build_assign(head_, kept), GSI_SAME_STMT);
    }
  }

 private:
  // A word of the record, which is written as soon as the statement comes.
  static tree word_at(tree record, std::size_t offset) {
    tree type = build_qualified_type(long_unsigned_type_node, TYPE_QUAL_VOLATILE);
    tree word = build2(MEM_REF, type, record, build_int_cst(ptr_type_node, offset));
    TREE_THIS_VOLATILE(word) = 1;
    TREE_SIDE_EFFECTS(word) = 1;
    return word;
  }

  // What `text` makes of `input`, or of nothing.
  static tree assembly(Statements& statements, const char* text, tree type, tree input) {
    tree result = create_tmp_reg(type);
    vec<tree, va_gc>*outputs = nullptr, *inputs = nullptr;
    const auto operand = [](const char* constraint, tree value) {
      tree string = build_string(static_cast<int>(std::strlen(constraint)) + 1, constraint);
      return build_tree_list(build_tree_list(NULL_TREE, string), value);
    };
    vec_safe_push(outputs, operand("=r", result));
    if (input != NULL_TREE) vec_safe_push(inputs, operand("0", input));
    gasm* code = gimple_build_asm_vec(text, inputs, outputs, nullptr, nullptr);
    gimple_asm_set_volatile(code, input == NULL_TREE);
    statements.put(code);
    return result;
  }
  // The address behind the instruction.
  static tree here(Statements& statements) {
    return assembly(statements, "{leaq\t0(%%rip), %0|lea\t%0, [rip+0]}", ptr_type_node, NULL_TREE);
  }
  // Or the optimiser might give a block of constant size a place among the variables.
  static tree hidden(Statements& statements, tree value) {
    return assembly(statements, "", TREE_TYPE(value), value);
  }

  tree function_;
  tree head_;
};

// Whether each is where it can be dealt with: a setjmp at the beginning of its block, and alone in not going on at once; a stack pointer that is
// restored, saved in a variable.
bool can_change(const Places& places) {
  for (gcall* call : places.returning_twice) {
    gimple_stmt_iterator first = gsi_start_nondebug_after_labels_bb(gimple_bb(call));
    if (gsi_stmt(first) != call || stmt_can_throw_internal(cfun, call)) return false;
  }
  for (gcall* restore : places.restores) {
    bool is_saved = false;
    for (gcall* save : places.saves)
      is_saved |= gimple_call_lhs(save) == gimple_call_arg(restore, 0);
    if (!is_saved) return false;
  }
  return true;
}

constexpr pass_data kPassData = {
    GIMPLE_PASS, "allocs_alloca", OPTGROUP_NONE, TV_NONE, PROP_cfg, 0, 0, 0, 0};

class AllocaPass : public gimple_opt_pass {
 public:
  explicit AllocaPass(gcc::context* context) : gimple_opt_pass(kPassData, context) {}

  unsigned int execute(function* in) override {
    if (!is_for_us(in->decl)) return 0;
    const Places places(in);
    if (places.blocks.is_empty() || !can_change(places)) return 0;
    Instrumenter instrumenter(in->decl);
    for (gcall* call : places.blocks) instrumenter.record(call);
    for (gcall* save : places.saves) instrumenter.keep_over_array(save, places);
    for (gcall* call : places.returning_twice) instrumenter.keep_over_setjmp(call);
    if (lookup_attribute("always_inline", DECL_ATTRIBUTES(in->decl)) != NULL_TREE)
      instrumenter.empty_before_returns();
    instrumenter.empty_at_entry();
    return 0;
  }
};

}  // namespace

gimple_opt_pass* make_alloca_pass(gcc::context* context) { return new AllocaPass(context); }

}  // namespace allocs::gcc_plugin
