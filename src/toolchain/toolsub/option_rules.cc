// SPDX-License-Identifier: Apache-2.0
#include "toolchain/toolsub/option_rules.h"

namespace allocs::toolsub {

namespace {

using enum Form;

// Only what has to be known: options that take a further word (which must not be mistaken for an input), those that say
// what the driver does, and those that belong to one phase.
constexpr OptionRule kRules[] = {
    {"--version", flag, Purpose::information},
    {"--help", joined, Purpose::information},
    {"-help", flag, Purpose::information},
    {"--target-help", flag, Purpose::information},
    {"-dumpmachine", flag, Purpose::information},
    {"-dumpversion", flag, Purpose::information},
    {"-dumpfullversion", flag, Purpose::information},
    {"-dumpspecs", flag, Purpose::information},
    {"-print-", joined, Purpose::information},
    {"--print-", joined, Purpose::information},
    {"--autocomplete=", joined, Purpose::information},

    {"-E", flag, Purpose::stop},
    {"--preprocess", flag, Purpose::stop},
    {"-S", flag, Purpose::stop},
    {"--assemble", flag, Purpose::stop},
    {"-c", flag, Purpose::stop},
    {"--compile", flag, Purpose::stop},
    {"-M", flag, Purpose::stop},
    {"-MM", flag, Purpose::stop},
    {"--dependencies", flag, Purpose::stop},
    {"--user-dependencies", flag, Purpose::stop},
    {"-fsyntax-only", flag, Purpose::stop},
    {"--analyze", flag, Purpose::stop},
    {"--precompile", flag, Purpose::stop},
    {"-###", flag, Purpose::stop},
    {"-cc1", joined, Purpose::stop},
    {"-emit-ast", flag, Purpose::stop},
    {"-emit-interface-stubs", flag, Purpose::stop},
    {"-rewrite-objc", flag, Purpose::stop},
    {"-verify-pch", flag, Purpose::stop},
    {"-extract-api", flag, Purpose::stop},

    {"-o", joined_or_separate, Purpose::output},
    {"-objcmt-", joined},
    {"--output", separate_or_equals, Purpose::output},
    {"-x", joined_or_separate, Purpose::language},
    {"--language", separate_or_equals, Purpose::language},

    {"-D", joined_or_separate, Purpose::preprocess},
    {"--define-macro", separate_or_equals, Purpose::preprocess},
    {"-U", joined_or_separate, Purpose::preprocess},
    {"--undefine-macro", separate_or_equals, Purpose::preprocess},
    {"-I", joined_or_separate, Purpose::preprocess},
    {"--include-directory", separate_or_equals, Purpose::preprocess},
    {"-include", joined_or_separate, Purpose::preprocess},
    {"-include-pch", separate},
    {"-imacros", joined_or_separate, Purpose::preprocess},
    {"-isystem", joined_or_separate, Purpose::preprocess},
    {"-cxx-isystem", joined_or_separate, Purpose::preprocess},
    {"-iquote", joined_or_separate, Purpose::preprocess},
    {"-idirafter", joined_or_separate, Purpose::preprocess},
    {"-iprefix", joined_or_separate, Purpose::preprocess},
    {"-iwithprefix", joined_or_separate, Purpose::preprocess},
    {"-iwithprefixbefore", joined_or_separate, Purpose::preprocess},
    {"-isysroot", joined_or_separate, Purpose::preprocess},
    {"-imultilib", separate, Purpose::preprocess},
    {"-imultiarch", separate, Purpose::preprocess},
    {"-nostdinc", flag, Purpose::preprocess},
    {"-nostdinc++", flag, Purpose::preprocess},
    {"-undef", flag, Purpose::preprocess},
    {"-trigraphs", flag, Purpose::preprocess},
    {"-Wp,", joined},
    {"-Xpreprocessor", separate},
    {"-A", joined_or_separate},
    {"-F", joined_or_separate},
    {"-J", joined_or_separate},
    {"-G", joined_or_separate},
    {"-B", joined_or_separate},
    {"-b", joined_or_separate},
    {"-V", joined_or_separate},
    {"-iframework", joined_or_separate},
    {"-ivfsoverlay", separate},
    {"-working-directory", separate_or_equals},

    {"-MD", flag, Purpose::dependency},
    {"-MMD", flag, Purpose::dependency},
    {"-MG", flag, Purpose::dependency},
    {"-MP", flag, Purpose::dependency},
    {"-MV", flag, Purpose::dependency},
    {"-MF", joined_or_separate, Purpose::dependency},
    {"-MT", joined_or_separate, Purpose::dependency},
    {"-MQ", joined_or_separate, Purpose::dependency},
    {"-MJ", joined_or_separate, Purpose::dependency},
    {"--write-dependencies", flag, Purpose::dependency},
    {"--write-user-dependencies", flag, Purpose::dependency},

    {"-l", joined_or_separate, Purpose::link},
    {"-L", joined_or_separate, Purpose::link},
    {"--library-directory", separate_or_equals, Purpose::link},
    {"-Wl,", joined, Purpose::link},
    {"-Xlinker", separate, Purpose::link},
    {"--for-linker", separate_or_equals, Purpose::link},
    {"-T", joined_or_separate, Purpose::link},
    {"-Tbss", joined_or_separate, Purpose::link},
    {"-Tdata", joined_or_separate, Purpose::link},
    {"-Ttext", joined_or_separate, Purpose::link},
    {"-u", joined_or_separate, Purpose::link},
    {"--force-link", separate_or_equals, Purpose::link},
    {"-e", joined_or_separate, Purpose::link},
    {"-emit-", joined},  // not an entry point named "mit-..."
    {"-export-dynamic", flag, Purpose::link},
    {"--entry", separate_or_equals, Purpose::link},
    {"-z", joined_or_separate, Purpose::link},
    {"-rpath", separate, Purpose::link},
    {"-s", flag, Purpose::link},
    {"-r", flag, Purpose::link},
    {"-shared", flag, Purpose::link},
    {"--shared", flag, Purpose::link},
    {"-static", flag, Purpose::link},
    {"--static", flag, Purpose::link},
    {"-static-pie", flag, Purpose::link},
    {"-rdynamic", flag, Purpose::link},
    {"-nostdlib", flag, Purpose::link},
    {"--no-standard-libraries", flag, Purpose::link},
    {"-nodefaultlibs", flag, Purpose::link},
    {"-nolibc", flag, Purpose::link},
    {"-nostartfiles", flag, Purpose::link},
    {"-framework", separate, Purpose::link},
    {"-install_name", separate, Purpose::link},

    {"-Xassembler", separate},
    {"--for-assembler", separate_or_equals},
    {"-Xclang", separate},
    {"-Xanalyzer", separate},
    {"-Xopenmp-target", separate},
    {"-Xopenmp-target=", joined},
    {"-Xarch_host", separate},
    {"-Xarch_device", separate},
    {"-Xcuda-ptxas", separate},
    {"-Xcuda-fatbinary", separate},
    {"-mllvm", separate},
    {"-mmlir", separate},
    {"-mthread-model", separate},
    {"-target", separate},
    {"--target", separate_or_equals},
    {"-arch", separate},
    {"--param", separate_or_equals},
    {"--sysroot", separate_or_equals},
    {"-gcc-toolchain", separate_or_equals},
    {"--gcc-toolchain", separate_or_equals},
    {"-resource-dir", separate_or_equals},
    {"-aux-info", separate},
    {"-dumpbase", separate},
    {"-dumpbase-ext", separate},
    {"-dumpdir", separate},
    {"-wrapper", separate},
    {"-specs", separate_or_equals},
    {"--specs", separate_or_equals},
    {"-fdebug-compilation-dir", separate_or_equals},
    {"-serialize-diagnostics", separate},
    {"--serialize-diagnostics", separate},
    {"-dependency-file", separate},
    {"--config", separate_or_equals},
    {"-ccc-install-dir", separate},
    {"-ccc-gcc-name", separate},
};

bool fits(const OptionRule& rule, std::string_view word) {
  switch (rule.form) {
    case Form::flag:
    case Form::separate:
      return word == rule.name;
    case Form::joined:
    case Form::joined_or_separate:
      return word.starts_with(rule.name);
    case Form::separate_or_equals:
      return word == rule.name ||
             (word.starts_with(rule.name) && word.substr(rule.name.size()).starts_with('='));
  }
  return false;
}

}  // namespace

const OptionRule* rule_for(std::string_view word) {
  const OptionRule* best = nullptr;
  for (const OptionRule& rule : kRules) {
    if (fits(rule, word) && (best == nullptr || rule.name.size() > best->name.size())) best = &rule;
  }
  return best;
}

}  // namespace allocs::toolsub
