#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A compiler wrapper of somebody else, built against what is installed: it adds a macro to what it compiles.
. "$(dirname "$0")/../behaviour/lib.sh"
require cmake pkg-config

cmake --install "$ALLOCS_PREFIX" --prefix "$PWD/prefix" > install.log || fail "$(cat install.log)"
cat > mycc.cc <<'END'
#include <toolchain/toolsub/command_line.h>
#include <toolchain/toolsub/find_program.h>
#include <toolchain/toolsub/process.h>
using namespace allocs::toolsub;
int main(int argc, char** argv) {
  const CommandLine line({argv + 1, argv + argc}, false);
  std::vector<std::string> more;
  if (line.compiled_inputs() != 0) more.emplace_back("-DANSWER=42");
  std::vector<std::string> words = with_words_at_end(line.words(), more);
  words.insert(words.begin(), "cc");
  become({find_program("cc"), words});
  return 127;
}
END
PKG_CONFIG_PATH=$PWD/moved$(dirname "$(find prefix -name allocs-toolsub.pc)" | sed 's/^prefix//')
export PKG_CONFIG_PATH
mv prefix moved
eval "$CXX -o mycc mycc.cc $(pkg-config --cflags --libs allocs-toolsub)"
echo 'int main(void) { return ANSWER; }' > a.c
./mycc a.c -o a
expect_status 42 ./a
