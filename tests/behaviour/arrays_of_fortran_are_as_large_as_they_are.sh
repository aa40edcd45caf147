#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fortran counts from 1, or from where it says, and the first index is that of neighbours in memory. What is allocatable is a
# descriptor, not its elements.
. "$(dirname "$0")/lib.sh"
require gfortran

cat > f.f90 << 'END'
module shapes
  type point
    integer :: x, y
    real(8) :: w(3)
  end type
  type, extends(point) :: named
    character(len=12) :: name
    integer, allocatable :: numbers(:)
  end type
  type(named) :: table(4)
  integer :: grid(2,3), odd(-1:5), zero(0:9)
end module
subroutine work(n, a)
  use shapes
  integer :: n
  real :: a(n)
  integer :: own(5,6,7)
  own = n
  a(1) = own(1,1,1)
  table(1)%x = int(a(1)); grid = n; odd = n; zero = n
end subroutine
program main
  real :: b(7)
  call work(7, b)
end program
END
for level in -O0 -O1; do
  gfortran -g $level f.f90 -o f
  allocs meta build -o image f || fail "exit status $?"
  allocs meta dump image > dump
  for type in '__ARR4_shapes::named ' '__ARR3_float\$64 ' '__ARR3___ARR2_int\$32 ' '__ARR7_int\$32 ' '__ARR10_int\$32 ' '<array descriptor>'; do
    grep -q -- "$type" dump || fail "no $type at $level: $(grep ARR dump)"
  done
  [ $level != -O0 ] || grep -q '__ARR7___ARR6___ARR5_int\$32 ' dump || fail "own: $(grep ARR dump)"
  # gdb as the witness of sizes.
  require gdb
  gdb -nx -batch -ex 'print sizeof(shapes::table)' -ex 'print sizeof(shapes::grid)' -ex 'print sizeof(shapes::odd)' -ex 'print sizeof(shapes::zero)' f 2> /dev/null |
    sed -n 's/^\$[0-9]* = //p' > sizes
  for name in table grid odd zero; do sed -n "s/.* +\\([0-9]*\\) .*\\bshapes::$name\\b.*/\\1/p" dump | head -n 1; done > told
  cmp -s sizes told || fail "sizes at $level: gdb $(cat sizes); here $(cat told); $(grep 'shapes::' dump)"
done
