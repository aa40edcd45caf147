#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# With the plugin clang makes the same code and data, byte for byte, from real sources of both languages.
. "$(dirname "$0")/lib.sh"
need_plugin

code_of() { # SOURCE FLAG...: all sections that a program is loaded with
  source=$1
  shift
  $(compiler_for "$source") -w -c -o with.o "$source" -fplugin="$plugin" -Xclang -plugin-arg-allocs -Xclang tail-calls=keep "$@"
  $(compiler_for "$source") -w -c -o without.o "$source" "$@"
  for object in with without; do
    objcopy -O binary --only-section='.text*' --only-section='.data*' --only-section='.rodata*' $object.o $object.bin
    objdump -dr --no-show-raw-insn $object.o | sed 1,2d > $object.dis
  done
  cmp with.bin without.bin && cmp with.dis without.dis || fail "$source $*: the code differs"
}

for level in -O0 -O2; do
  for source in "$ALLOCS_SOURCE"/examples/seed/*.c; do
    code_of "$source" -g $level -I"$ALLOCS_PREFIX/include"
  done
  for source in types/write/type_graph types/interner runt/remote/core_memory; do
    code_of "$ALLOCS_SOURCE/src/$source.cc" -g $level -std=c++20 -I"$ALLOCS_SOURCE/src" -I"$ALLOCS_SOURCE/include"
  done
done
