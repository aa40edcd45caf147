// SPDX-License-Identifier: Apache-2.0
#include "toolchain/toolsub/option_rules.h"

namespace allocs::toolsub {

namespace {

constexpr Form flag = Form::flag;
constexpr Form joined = Form::joined;
constexpr Form separate = Form::separate;
constexpr Form either = Form::joined_or_separate;
constexpr Form equals = Form::separate_or_equals;

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

    {"-o", either, Purpose::output},
    {"-objcmt-", joined},
    {"--output", equals, Purpose::output},
    {"-x", either, Purpose::language},
    {"--language", equals, Purpose::language},

    {"-D", either, Purpose::preprocess},
    {"--define-macro", equals, Purpose::preprocess},
    {"-U", either, Purpose::preprocess},
    {"--undefine-macro", equals, Purpose::preprocess},
    {"-I", either, Purpose::preprocess},
    {"--include-directory", equals, Purpose::preprocess},
    {"-include", either, Purpose::preprocess},
    {"-include-pch", separate},
    {"-imacros", either, Purpose::preprocess},
    {"-isystem", either, Purpose::preprocess},
    {"-cxx-isystem", either, Purpose::preprocess},
    {"-iquote", either, Purpose::preprocess},
    {"-idirafter", either, Purpose::preprocess},
    {"-iprefix", either, Purpose::preprocess},
    {"-iwithprefix", either, Purpose::preprocess},
    {"-iwithprefixbefore", either, Purpose::preprocess},
    {"-isysroot", either, Purpose::preprocess},
    {"-imultilib", separate, Purpose::preprocess},
    {"-imultiarch", separate, Purpose::preprocess},
    {"-nostdinc", flag, Purpose::preprocess},
    {"-nostdinc++", flag, Purpose::preprocess},
    {"-undef", flag, Purpose::preprocess},
    {"-trigraphs", flag, Purpose::preprocess},
    {"-Wp,", joined},
    {"-Xpreprocessor", separate},
    {"-A", either},
    {"-F", either},
    {"-J", either},
    {"-G", either},
    {"-B", either},
    {"-b", either},
    {"-V", either},
    {"-iframework", either},
    {"-ivfsoverlay", separate},
    {"-working-directory", equals},

    {"-MD", flag, Purpose::dependency},
    {"-MMD", flag, Purpose::dependency},
    {"-MG", flag, Purpose::dependency},
    {"-MP", flag, Purpose::dependency},
    {"-MV", flag, Purpose::dependency},
    {"-MF", either, Purpose::dependency},
    {"-MT", either, Purpose::dependency},
    {"-MQ", either, Purpose::dependency},
    {"-MJ", either, Purpose::dependency},
    {"--write-dependencies", flag, Purpose::dependency},
    {"--write-user-dependencies", flag, Purpose::dependency},

    {"-l", either, Purpose::link},
    {"-L", either, Purpose::link},
    {"--library-directory", equals, Purpose::link},
    {"-Wl,", joined, Purpose::link},
    {"-Xlinker", separate, Purpose::link},
    {"--for-linker", equals, Purpose::link},
    {"-T", either, Purpose::link},
    {"-Tbss", either, Purpose::link},
    {"-Tdata", either, Purpose::link},
    {"-Ttext", either, Purpose::link},
    {"-u", either, Purpose::link},
    {"--force-link", equals, Purpose::link},
    {"-e", either, Purpose::link},
    {"-emit-", joined},  // not an entry point named "mit-..."
    {"-export-dynamic", flag, Purpose::link},
    {"--entry", equals, Purpose::link},
    {"-z", either, Purpose::link},
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
    {"--for-assembler", equals},
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
    {"--target", equals},
    {"-arch", separate},
    {"--param", equals},
    {"--sysroot", equals},
    {"-gcc-toolchain", equals},
    {"--gcc-toolchain", equals},
    {"-resource-dir", equals},
    {"-aux-info", separate},
    {"-dumpbase", separate},
    {"-dumpbase-ext", separate},
    {"-dumpdir", separate},
    {"-wrapper", separate},
    {"-specs", equals},
    {"--specs", equals},
    {"-fdebug-compilation-dir", equals},
    {"-serialize-diagnostics", separate},
    {"--serialize-diagnostics", separate},
    {"-dependency-file", separate},
    {"--config", equals},
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
