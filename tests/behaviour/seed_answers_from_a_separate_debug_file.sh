#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demonstration program is stripped, and a .gnu_debuglink names the file with its debug information.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/seed_lines.sh"
require objdump

for compiler in $(each_compiler); do
  compile_seed "$compiler" -g -O1 -Wl,--build-id=none
  for name in test typed; do
    objcopy --only-keep-debug $name $name.debug
    strip --strip-all $name
    objcopy --add-gnu-debuglink=$name.debug $name
  done
  seed_prints ./test "(no type)"
  seed_prints ./typed "__ARR0_int\$32"
  mkdir .debug
  mv ./*.debug .debug/
  touch typed
  seed_prints ./typed "__ARR0_int\$32"
  rm -r .debug
done
