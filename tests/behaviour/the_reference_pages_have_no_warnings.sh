#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Doxygen reads the public headers without a word, and their comments are the documentation.
. "$(dirname "$0")/lib.sh"
require doxygen

pages_of() { # HEADERS
  (cat "$ALLOCS_SOURCE/docs/Doxyfile" && echo "INPUT=$1" && echo "OUTPUT_DIRECTORY=$PWD") | doxygen - > warnings 2>&1
}
pages_of "$ALLOCS_SOURCE/include" || fail "exit status $?: $(cat warnings)"
expect warnings < /dev/null
grep -q 'The allocation in which' html/allocator_8h.html || fail "alloc_get_parent has no documentation"
grep -q 'heap: as asked for' html/structalloc__info.html || fail "a comment behind a member is not its documentation"
# It would have said something.
mkdir wrong
printf '/* What \\\\param nothing does. */\nint f(int x);\n' | sed 's|\\\\|\\|' > wrong/f.h
pages_of "$PWD/wrong" || true
grep -q 'nothing' warnings || fail "a wrong comment was not warned of"
