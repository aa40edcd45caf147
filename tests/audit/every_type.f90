! SPDX-License-Identifier: Apache-2.0
! Shapes of types that Fortran has: see every_type.c.
module shapes
  implicit none
  type point
    real(8) :: x, y
    integer(2) :: tag(3)
    character(len=7) :: label
    logical :: set
    logical(1) :: small
    complex(4) :: z
  end type
  type, extends(point) :: sized_point
    integer :: sizes(-2:4, 3, 0:1)
    type(point), pointer :: next
    real, allocatable :: values(:)
    procedure(area), pointer, nopass :: measure
  end type
  integer, parameter :: wide = selected_int_kind(30)
  integer(wide) :: huge_one
  type(sized_point) :: all(2, 5)
  integer :: odd(10:20, -3:-1)
  character(len=12) :: words(4)
  real(10) :: extended
  real(16) :: quad
  common /block/ first, second
  integer :: first
  double precision :: second
contains
  real function area(p)
    type(point), intent(in) :: p
    area = real(p%x * p%y)
  end function
  subroutine work(n, matrix, text, deferred)
    integer, intent(in) :: n
    real, intent(inout) :: matrix(n, *)
    character(len=*), intent(in) :: text
    character(len=:), allocatable, intent(out) :: deferred
    integer :: local(2, 3)
    integer :: automatic(n)
    local = n
    automatic = n
    matrix(1, 1) = local(1, 1) + automatic(1)
    deferred = text
    odd(10, -3) = len(deferred)
  end subroutine
end module
program subject
  use shapes
  real :: matrix(2, 3)
  character(len=:), allocatable :: made
  first = 1
  second = 2d0
  matrix = 0
  call work(2, matrix, 'abc', made)
  all(1, 1)%x = area(all(2, 2)%point) + matrix(1, 1)
  words = made
  print *, words(1), odd(10, -3), all(1, 1)%x > 1, huge_one, extended, quad, first, second
end program
