// SPDX-License-Identifier: Apache-2.0
//
// Which numbers may have been sizes of types?
//
// gcc's parser makes a number of `sizeof` on the spot. But before, it asks the target whether it may (a hook for machines whose vectors have no size), and so
// every function that asks is known while it is parsed. `offsetof` is a macro of everybody's, and the preprocessor tells of each that is used. A number in a function
// that asks for nothing can still come from
//
//     enum { kSize = sizeof(struct s) };               an enumerator, ...
//     static const size_t kSize = sizeof(struct s);    ... or a variable outside of all functions: any function may have it then
//     get(size_of_s())                                 a function that returns a number, if any that does asks: it may call the other
//
// Where something is not seen, it may be anywhere: what a precompiled header has brought, `__builtin_offsetof` written down without a macro.
#include "toolchain/gcc_plugin/size_uses.h"

#include <cpplib.h>
#include <fcntl.h>
#include <line-map.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <target.h>
#include <unistd.h>

// In compilers of C alone; those of other languages and of the link load the plugin, too.
extern cpp_reader* parse_in __attribute__((weak));
extern cpp_callbacks* cpp_get_callbacks(cpp_reader*) __attribute__((weak));
extern cpp_options* cpp_get_options(cpp_reader*) __attribute__((weak));

namespace allocs::gcc_plugin {

namespace {

constexpr char kOffset[] = "__builtin_offsetof";

std::unordered_set<tree> g_functions;  // that ask, and those that they lie in
bool g_number_has_size = false;        // one of them returns a number
bool g_anything_has_size = false;
bool g_was_denied = false;      // somebody was told that a number is made of none
unsigned g_outside = 0;         // how often it was asked for outside of functions,
unsigned g_outside_before = 0;  // ... and up to the end of the last declaration there

decltype(targetm.verify_type_context) g_verify_before = nullptr;
decltype(cpp_callbacks::used) g_used_before = nullptr;
decltype(cpp_callbacks::read_pch) g_read_pch_before = nullptr;

void note_size() {
  if (current_function_decl == NULL_TREE) {
    ++g_outside;
    return;
  }
  for (tree in = current_function_decl; in != NULL_TREE; in = decl_function_context(in)) {
    g_functions.insert(in);
    g_number_has_size |= INTEGRAL_TYPE_P(TREE_TYPE(TREE_TYPE(in))) != 0;
  }
}

bool verify_type_context(location_t where, type_context_kind context, const_tree type,
                         bool is_silent) {
  if (context == TCTX_SIZEOF) note_size();
  return g_verify_before == nullptr || g_verify_before(where, context, type, is_silent);
}

bool is_prefix(std::string_view part) {
  return std::string_view(kOffset).substr(0, part.size()) == part;
}

bool is_suffix(std::string_view part) {
  const std::string_view word = kOffset;
  return part.size() <= word.size() && word.substr(word.size() - part.size()) == part;
}

// A macro that gives the offset of a member, or may paste the word for it together.
bool may_give_offset(const cpp_macro& macro) {
  if (macro.kind != cmk_macro) return true;
  if (macro.lazy != 0) return false;  // gcc's own, a number
  bool is_pasted = false,
       may_begin = false;  // to the token before; which can be the beginning of the word
  for (unsigned i = 0; i < macro.count; ++i) {
    const cpp_token& token = macro.exp.tokens[i];
    std::string_view name;
    if (token.type == CPP_NAME)
      name = reinterpret_cast<const char*>(NODE_NAME(token.val.node.node));
    if (name == kOffset) return true;
    const bool is_any = token.type == CPP_MACRO_ARG;
    if (is_pasted && may_begin && (is_any || (!name.empty() && is_suffix(name)))) return true;
    is_pasted = (token.flags & PASTE_LEFT) != 0;
    may_begin = is_any || (!name.empty() && is_prefix(name));
  }
  return false;
}

void macro_is_used(cpp_reader* reader, location_t where, cpp_hashnode* macro) {
  if (cpp_user_macro_p(macro) && may_give_offset(*macro->value.macro)) note_size();
  if (g_used_before != nullptr) g_used_before(reader, where, macro);
}

void read_pch(cpp_reader* reader, const char* name, int descriptor, const char* original) {
  g_anything_has_size = true;
  if (g_read_pch_before != nullptr) g_read_pch_before(reader, name, descriptor, original);
}

void watch_preprocessor(void*, void*) {
  if (&cpp_get_callbacks == nullptr || &parse_in == nullptr || parse_in == nullptr) {
    g_anything_has_size = true;
    return;
  }
  cpp_callbacks* callbacks = cpp_get_callbacks(parse_in);
  g_used_before = callbacks->used;
  callbacks->used = macro_is_used;
  g_read_pch_before = callbacks->read_pch;
  callbacks->read_pch = read_pch;
}

bool has_outside_since_declaration() { return g_outside != g_outside_before; }

void type_is_finished(void* type, void*) {
  if (current_function_decl != NULL_TREE || !has_outside_since_declaration()) return;
  if (TREE_CODE(static_cast<tree>(type)) == ENUMERAL_TYPE) g_anything_has_size = true;
}

void declaration_is_finished(void* declaration, void*) {
  tree of = static_cast<tree>(declaration);
  if (current_function_decl != NULL_TREE) return;
  if (!VAR_P(of) && TREE_CODE(of) != TYPE_DECL && TREE_CODE(of) != FUNCTION_DECL) return;
  if (VAR_P(of) && DECL_INITIAL(of) != NULL_TREE && has_outside_since_declaration())
    g_anything_has_size = true;
  g_outside_before = g_outside;
}

// Whether the word is in the file, but in a directive: what macros give is seen where they are used.
bool has_offset_outside_of_directives(std::string_view text) {
  for (std::size_t at = text.find(kOffset); at != text.npos; at = text.find(kOffset, at + 1)) {
    const std::size_t line = text.rfind('\n', at);
    const std::size_t first = text.find_first_not_of(" \t", line == text.npos ? 0 : line + 1);
    if (text[first] != '#') return true;
  }
  return false;
}

bool may_hide_offset(const char* path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status;
  bool may = file < 0 || fstat(file, &status) != 0 || !S_ISREG(status.st_mode);
  if (!may && status.st_size > 0) {
    const auto size = static_cast<std::size_t>(status.st_size);
    void* text = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    may = text == MAP_FAILED || has_offset_outside_of_directives({static_cast<char*>(text), size});
    if (text != MAP_FAILED) munmap(text, size);
  }
  if (file >= 0) close(file);
  return may;
}

// Whether it calls a function of the unit that returns a number.
bool calls_for_numbers(function* in) {
  basic_block block;
  FOR_EACH_BB_FN(block, in) {
    for (gimple_stmt_iterator at = gsi_start_bb(block); !gsi_end_p(at); gsi_next(&at)) {
      auto* call = dyn_cast<gcall*>(gsi_stmt(at));
      tree called = call == nullptr ? NULL_TREE : gimple_call_fndecl(call);
      if (called != NULL_TREE && DECL_INITIAL(called) != NULL_TREE &&
          INTEGRAL_TYPE_P(TREE_TYPE(TREE_TYPE(called))))
        return true;
    }
  }
  return false;
}

}  // namespace

void watch_sizes(const char* plugin) {
  g_verify_before = targetm.verify_type_context;
  targetm.verify_type_context = verify_type_context;
  register_callback(plugin, PLUGIN_START_UNIT, watch_preprocessor, nullptr);
  register_callback(plugin, PLUGIN_FINISH_TYPE, type_is_finished, nullptr);
  register_callback(plugin, PLUGIN_FINISH_DECL, declaration_is_finished, nullptr);
}

bool may_be_made_of_sizes(tree argument, function* in) {
  if (g_anything_has_size || g_functions.count(in->decl) != 0) return true;
  if (decl_function_context(in->decl) != NULL_TREE) return true;
  const bool may_be =
      g_number_has_size && TREE_CODE(argument) != INTEGER_CST && calls_for_numbers(in);
  g_was_denied |= !may_be;
  return may_be;
}

bool sizes_may_hide() {
  if (!g_was_denied) return false;
  // Of what has been through another preprocessor, the files are not those that were read.
  if (cpp_get_options(parse_in)->preprocessed || std::strcmp(main_input_filename, "-") == 0)
    return true;
  std::unordered_set<std::string> seen;
  for (unsigned i = 0; i < LINEMAPS_ORDINARY_USED(line_table); ++i) {
    const char* path = ORDINARY_MAP_FILE_NAME(LINEMAPS_ORDINARY_MAP_AT(line_table, i));
    if (path == nullptr || *path == '<' || !seen.insert(path).second) continue;
    if (may_hide_offset(path)) return true;
  }
  return false;
}

}  // namespace allocs::gcc_plugin
