#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demonstration program prints its four lines with DWARF 4 and 5.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/seed_lines.sh"
require objdump

for compiler in $(each_compiler); do
  for version in 4 5; do
    for level in 0 2; do
      seed_answers "$compiler" -gdwarf-$version -O$level
    done
  done
done
