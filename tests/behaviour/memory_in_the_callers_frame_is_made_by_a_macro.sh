#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ALLOC_NEW_ON_STACK makes objects in the frame of the function that it is written in: allocations with bounds and type where allocscc compiled it, a part of the frame elsewhere.
. "$(dirname "$0")/lib.sh"
need_plugin

cat > a.c <<'EOF'
#include <allocs/allocator.h>
#include <stdio.h>
struct point { double x, y; };
__attribute__((noinline)) static void tell(const void *at) {
  struct alloc_info info;
  const int error = alloc_query(at, 0, &info);
  if (error != 0 || info.allocator == &__stackframe_allocator) printf("frame\n");
  else printf("%s %s %lu\n", info.allocator->name, UNIQTYPE_NAME(info.type), (unsigned long)info.size);
}
static int asked;
static int two(void) { return ++asked, 2; }
__attribute__((noinline)) static void make(void) {
  struct point *points;
  { points = ALLOC_NEW_ON_STACK(struct point, 3); }
  points[2].y = 1.5;
  double *const numbers = ALLOC_NEW_ON_STACK(double, two());
  numbers[1] = 4;
  tell(&points[1]), tell(numbers);
}
int main(void) {
  make();
  printf("asked %d\n", asked);
  return 0;
}
EOF
cat > told <<'EOF'
alloca __ARR0_point 48
alloca __ARR0_float$64 16
asked 1
EOF
for compiler in gcc clang-19; do
  case $compiler in gcc) [ -e "$ALLOCS_PREFIX/lib/allocs/gcc-$(gcc -dumpversion)/allocs.so" ] || continue ;; esac
  for level in -O0 -O2; do
    allocscc --allocs-cc=$compiler -g $level -Wall -Wextra -Werror -I"$ALLOCS_PREFIX/include" -o a a.c -L"$ALLOCS_PREFIX/lib" -Wl,-rpath,"$ALLOCS_PREFIX/lib" -lallocs
    preload ./a > out || fail "$compiler $level: exit status $?"
    expect out < told
  done
done
gcc -g -Wall -Wextra -Werror -I"$ALLOCS_PREFIX/include" -o a a.c -L"$ALLOCS_PREFIX/lib" -Wl,-rpath,"$ALLOCS_PREFIX/lib" -lallocs
preload ./a > out || fail "bare: exit status $?"
expect out <<'EOF'
frame
frame
asked 1
EOF
printf '#include <allocs/allocator.h>\nint main() { struct alignas(64) wide { int i; }; return ALLOC_NEW_ON_STACK(wide, 1) == nullptr; }\n' > wide.cc
! g++ -I"$ALLOCS_PREFIX/include" -c wide.cc 2> errors || fail "a wide type is taken"
grep -q 'negative' errors || fail "$(cat errors)"
