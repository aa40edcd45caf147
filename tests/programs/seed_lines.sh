# SPDX-License-Identifier: Apache-2.0
# For the tests that run examples/seed under many compilers and flags; sourced after behaviour/lib.sh.

SEED=$ALLOCS_SOURCE/examples/seed

# compile_seed COMPILER FLAG...   test.c -> ./test and typed.c -> ./typed
compile_seed() {
  for name in test typed; do
    "$@" -I"$ALLOCS_PREFIX/include" -o "$name" "$SEED/$name.c" -L"$ALLOCS_PREFIX/lib" \
      -Wl,-rpath,"$ALLOCS_PREFIX/lib" -Wl,--as-needed -lallocs || fail "cannot be compiled: $*"
  done
}

# expect_four_lines FILE TYPE-OF-BLOCK   FILE has what the program printed
expect_four_lines() {
  expect "$1" << END
At 0x* is a static-allocated object of size 0, type __FUN_FROM___ARG0_int\$32__ARG1___PTR___PTR_signed_char\$8__FUN_TO_int\$32
At 0x* is a __default_lib_malloc-allocated object of size 168, type $2
At 0x* is a stackframe-allocated object of size [1-9]*, type *main_vaddrs_0x*_0x*
At 0x* is a auxv-allocated object of size 16, type __ARR2___PTR_signed_char\$8
END
}

# expect_pc_in_range FILE PROGRAM   the range in the frame's type has a call of alloc_get_type in it
expect_pc_in_range() {
  range=$(sed -n 's/.*main_vaddrs_0x\([0-9a-f]*\)_0x\([0-9a-f]*\)$/\1 \2/p' "$1")
  low=$((0x${range% *})) high=$((0x${range#* }))
  found=
  for call in $(objdump -d "$2" | sed -n '/call.*alloc_get_type/s/^ *\([0-9a-f]*\):.*/\1/p'); do
    [ $((0x$call)) -ge $low ] && [ $((0x$call)) -lt $high ] && found=$call
  done
  [ -n "$found" ] || fail "no call of alloc_get_type in $range of $2"
}

# seed_prints PROGRAM TYPE-OF-BLOCK
seed_prints() {
  preload "$1" > out || fail "$1 ended with exit status $?"
  expect_four_lines out "$2"
}

# seed_answers COMPILER FLAG...   builds both programs, and checks all eight lines
seed_answers() {
  echo "$*"
  compile_seed "$@"
  seed_prints ./test '(no type)'
  seed_prints ./typed '__ARR0_int$32'
  expect_pc_in_range out ./typed
}

# each_compiler   the C compilers that are installed
each_compiler() {
  for compiler in gcc clang clang-19; do
    command -v $compiler || true
  done
}

# without_pc   standard input without what depends on where in main the question is asked
without_pc() {
  sed 's/_vaddrs_0x[0-9a-f]*_0x[0-9a-f]*$//'
}
