#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demonstration program prints its four lines whatever the optimisation.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/seed_lines.sh"
require objdump

for compiler in $(each_compiler); do
  for level in 0 1 2 3; do
    seed_answers "$compiler" -g -O$level
  done
done
