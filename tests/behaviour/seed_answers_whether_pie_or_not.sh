#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The demonstration program prints its four lines at a fixed and at a random address.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/seed_lines.sh"
require objdump

for compiler in $(each_compiler); do
  for level in 0 2; do
    seed_answers "$compiler" -g -O$level -fPIE -pie
    seed_answers "$compiler" -g -O$level -fno-pie -no-pie
  done
done
