// SPDX-License-Identifier: Apache-2.0
//
// May a unit of C hold an allocation site?
//
// clang reads the source once more to list the sites (src/toolchain/plugin), and a third of the units have none. What a site needs, gcc sees on its way: a call
// whose declaration allows it. Who calls nothing but
//
//     void f(...), long f(...)      what returns no pointer, and is not declared to store one
//     void *f(struct t *)           what is told no number
//     struct s *f(3)                what returns a pointer to something, and is told no number that is made of the size of a type
//     char *strchr(s, 'c')          what is known for something else
//
// has nothing to list. The rule is that of AllocationCalls (src/toolchain/plugin/allocation_calls.h), widened where gcc no longer knows what the source
// says: it has made numbers of sizes of types, and only which functions have asked for one is known (size_uses.cc). A call through a pointer is judged by its
// type. So "some" is not certain, and where functions are divided on the way, or what is compiled is not the unit that the pipe is for, nothing is said.
//
// Calls are looked at when functions have become statements, before any optimisation: all of those of which code is made, and before it takes long. The first call that may be a
// site ends the waiting; else that all have been seen.
#include "toolchain/gcc_plugin/site_verdict.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "declarations/not_allocators.h"
#include "declarations/site_verdict.h"
#include "toolchain/gcc_plugin/declared.h"
#include "toolchain/gcc_plugin/size_uses.h"

namespace allocs::gcc_plugin {

namespace {

int g_verdict = -1;

void tell(char verdict) {
  if (g_verdict < 0) return;
  // Nobody may be listening any more; that is no reason to die.
  struct sigaction ignored {
  }, before;
  ignored.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignored, &before);
  if (write(g_verdict, &verdict, 1) != 1) {
    // Then it is as without us.
  }
  sigaction(SIGPIPE, &before, nullptr);
  close(g_verdict);
  g_verdict = -1;
}

// The other end, if it is there and waits for this unit: a compiler that was called by another's name may compile something else first.
int pipe_from_environment() {
  const char* text = std::getenv(declarations::kSiteVerdictPipe);
  if (text == nullptr || main_input_filename == nullptr) return -1;
  char* end = nullptr;
  const long number = std::strtol(text, &end, 10);
  if (end == text || *end != declarations::kSiteVerdictUnit || number < 3 || number > 1 << 20 ||
      std::strcmp(end + 1, main_input_filename) != 0)
    return -1;
  const int pipe = static_cast<int>(number);
  struct stat status;
  if (fstat(pipe, &status) != 0 || !S_ISFIFO(status.st_mode)) return -1;
  fcntl(pipe, F_SETFD, FD_CLOEXEC);
  return pipe;
}

bool is_declared_allocator(tree function) {
  const auto hands_out = [](const char* name) {
    if (*name == '*') ++name;
    if (std::strncmp(name, "__builtin_", 10) == 0) name += 10;
    const declarations::Declaration* found = declared().all.find(name);
    return found != nullptr && found->hands_out();
  };
  return (DECL_NAME(function) != NULL_TREE && hands_out(IDENTIFIER_POINTER(DECL_NAME(function)))) ||
         (DECL_ASSEMBLER_NAME_SET_P(function) &&
          hands_out(IDENTIFIER_POINTER(DECL_ASSEMBLER_NAME(function))));
}

bool is_known_for_something_else(tree function) {
  return fndecl_built_in_p(function) ||
         (DECL_NAME(function) != NULL_TREE &&
          declarations::is_no_allocator(IDENTIFIER_POINTER(DECL_NAME(function))));
}

bool returns_memory(tree type) {
  tree result = TREE_TYPE(type);
  return POINTER_TYPE_P(result) && !FUNC_OR_METHOD_TYPE_P(TREE_TYPE(result));
}

bool has_size_attribute(tree function) {
  return lookup_attribute("alloc_size", TYPE_ATTRIBUTES(TREE_TYPE(function))) != NULL_TREE;
}

// Of a call in `in` to what returns memory: of any kind by any number, of one type by numbers that are made of sizes.
bool is_told_size(gcall* call, tree type, function* in) {
  const bool counts_any = VOID_TYPE_P(TREE_TYPE(TREE_TYPE(type)));
  for (unsigned i = 0; i < gimple_call_num_args(call); ++i) {
    tree argument = gimple_call_arg(call, i);
    const bool is_number =
        INTEGRAL_TYPE_P(TREE_TYPE(argument)) && TREE_CODE(TREE_TYPE(argument)) != BOOLEAN_TYPE;
    if (is_number && (counts_any || may_be_made_of_sizes(argument, in))) return true;
  }
  return false;
}

bool may_be_site(gcall* call, function* in) {
  if (gimple_call_internal_p(call)) return false;
  tree function = gimple_call_fndecl(call);
  if (function != NULL_TREE) {
    if (is_declared_allocator(function)) return true;
    if (is_known_for_something_else(function)) return false;
    if (has_size_attribute(function)) return true;
  }
  tree type = gimple_call_fntype(call);
  return type == NULL_TREE || (returns_memory(type) && is_told_size(call, type, in));
}

constexpr pass_data kPassData = {
    GIMPLE_PASS, "allocs_sites", OPTGROUP_NONE, TV_NONE, PROP_cfg, 0, 0, 0, 0};

class VerdictPass : public gimple_opt_pass {
 public:
  explicit VerdictPass(gcc::context* context) : gimple_opt_pass(kPassData, context) {}

  bool gate(function*) override { return g_verdict >= 0; }

  unsigned int execute(function* in) override {
    basic_block block;
    FOR_EACH_BB_FN(block, in) {
      for (gimple_stmt_iterator at = gsi_start_bb(block); !gsi_end_p(at); gsi_next(&at)) {
        auto* call = dyn_cast<gcall*>(gsi_stmt(at));
        if (call == nullptr || !may_be_site(call, in)) continue;
        tell(declarations::kMayHoldSites);
        return 0;
      }
    }
    return 0;
  }
};

void have_seen_all(void*, void*) {
  if (g_verdict < 0) return;
  tell(sizes_may_hide() ? declarations::kMayHoldSites : declarations::kHoldsNoSite);
}

}  // namespace

void tell_verdict_on_sites(const char* plugin) {
  // Of these, functions are divided on the way.
  const bool is_plain_c = lang_GNU_C() && !flag_openmp && !flag_openacc && !flag_tm;
  g_verdict = pipe_from_environment();
  if (!is_plain_c || seen_error()) return tell(declarations::kMayHoldSites);
  if (g_verdict < 0) return;
  watch_sizes(plugin);
  register_pass_info pass{new VerdictPass(g), "cfg", 1, PASS_POS_INSERT_AFTER};
  register_callback(plugin, PLUGIN_PASS_MANAGER_SETUP, nullptr, &pass);
  register_callback(plugin, PLUGIN_ALL_IPA_PASSES_START, have_seen_all, nullptr);
}

}  // namespace allocs::gcc_plugin
