#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# gcc, g++, clang and make -j2 make the same objects, byte for byte, and complain alike.
. "$(dirname "$0")/lib.sh"
require gcc g++ make

mkdir input
cp "$ALLOCS_SOURCE"/tests/audit/subject.c "$ALLOCS_SOURCE"/tests/audit/subject.cc "$ALLOCS_SOURCE"/tests/audit/*.h input
printf 'int main(void) { return undeclared; }\n' > input/bad.c
cat > input/Makefile << 'END'
objects := $(patsubst %,o%.o,1 2 3 4 5 6 7 8)
all: program
o%.c: ; printf 'int f$*(int x) { return x + $*; }\n' > $@
main.c: ; printf 'int f3(int); int main(void) { return f3(1); }\n' > $@
program: main.o $(objects) ; $(CC) -o $@ $^ && ./program; echo $$?
END
same gcc -O2 -g -c subject.c
same g++ -O2 -g -c subject.cc
same_status 1 gcc -c bad.c
same make -s -j2 --output-sync CC=gcc
! command -v clang > /dev/null || same clang -O2 -g -c subject.c
