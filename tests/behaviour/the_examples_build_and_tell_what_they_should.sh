#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The examples over allocs.hpp, built without exceptions and RTTI, by each compiler that is there.
. "$(dirname "$0")/lib.sh"

try() {
  for example in graph_dump who_points_here edit_records elf_printer compact_heap shared_lives; do
    cp "$ALLOCS_SOURCE/examples/$example.cc" "$ALLOCS_SOURCE"/examples/elf_*.h .
    build $example.cc -std=c++20 -fno-exceptions -fno-rtti -Wall -Wextra -Werror "$@"
  done
  preload ./graph_dump > graph || fail "exit status $?"
  expect graph << 'END'
# reached from a root, nearest first
key 4 at distance 1, 2 pointers
key 2 at distance 2, 2 pointers
key 6 at distance 2, 2 pointers
key 1 at distance 3, 2 pointers
key 3 at distance 3, 2 pointers
key 5 at distance 3, 2 pointers
key 7 at distance 3, 2 pointers
# edges
4 -> 2
4 -> 6
2 -> 1
2 -> 3
6 -> 5
6 -> 7
# to depth 2
0x* -> {left = 0x* -> {left = 0x*, right = 0x*, key = 2}, right = 0x* -> {left = 0x*, right = 0x*, key = 6}, key = 4}
END
  preload ./who_points_here > who || fail "exit status $?"
  expect who << 'END'
session 2 is pointed at by
  last_used (Session \*)
  ((Connection \*)0x*)->session (Session \*)
the oldest connection is kept by 3 pointers
END
  rm -f notes
  preload ./edit_records notes insert 0 17 'buy milk' > /dev/null
  preload ./edit_records notes insert 2 18 'last' > /dev/null
  preload ./edit_records notes remove 1 > /dev/null
  preload ./edit_records notes insert 1 19 'a "middle"' > records
  expect records << 'END'
\[0\] {id = 17, text = "buy milk"}
\[1\] {id = 19, text = "a \\"middle\\""}
\[2\] {id = 18, text = "last"}
END
  [ "$(stat -c %s notes)" -eq 96 ] || fail "the file has $(stat -c %s notes) bytes"
  # Compared with readelf in tests/audit/elf_trees.py.
  preload ./elf_printer ./graph_dump > printed || fail "exit status $?"
  expect_line printed '  * FUNC GLOBAL DEFAULT * main'
  preload ./elf_printer --references ./graph_dump > references || fail "exit status $?"
  expect_line references '.symtab\[*\].st_name (string) -> "main"'
  expect_status 1 preload ./elf_printer notes 2> error
  expect error << 'END'
elf_printer: notes: the memory does not hold what it is said to be
END
  preload ./compact_heap > compacted || fail "exit status $?"
  expect compacted << 'END'
50 records, 6400 bytes were in use, 3200 are, 150 references rewritten, sound
75 records, 9600 bytes were in use, 4800 are, 225 references rewritten, sound
88 records, 11200 bytes were in use, 5632 are, 264 references rewritten, sound
END
  preload ./shared_lives > lives || fail "exit status $?"
  expect lives << 'END'
all in use: 3000 cells, 3 texts
one ring dropped: 2000 cells, 2 texts
sound: 1
all dropped: 0 cells, 0 texts
300 bytes by connections that are closed, each held by 1: statistic
3 connections have gone
END
  expect_status 1 preload ./edit_records notes remove 9 2> error
  expect error << 'END'
edit_records: invalid argument
END
}
CXX=c++
try
if command -v clang++ > /dev/null; then
  CXX=clang++
  try
fi
