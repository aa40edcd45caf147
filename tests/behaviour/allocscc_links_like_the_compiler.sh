#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Programs, shared libraries, partial links: the same files come out, and they do the same.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/like_the_compiler.sh"
require objcopy ar

mkdir src
echo 'int f(void); int main(void) { return f(); }' > src/main.c
echo 'int f(void) { return 7; }' > src/f.c
cc -c src/f.c -o src/f.o
ar rc src/libf.a src/f.o
cc -shared -fPIC -Wl,-soname,libf.so.1 -o src/libf.so.1.2 src/f.c
ln -s libf.so.1.2 src/libf.so.1

# same_program PROGRAM ARGUMENT...   both link, and both programs exit with 7
same_program() {
  program=$1
  shift
  same "$@"
  for folder in bare wrapped; do
    (cd $folder && expect_status 7 env LD_LIBRARY_PATH=. "./$program")
  done
}

check() {
  same_program a.out main.c f.c
  same_program p -O2 main.c f.c -o p
  same_program p -o p main.c f.o -lm
  same_program p -op main.c -L. -lf
  same_program p main.c -L. -l:libf.a -o p
  same_program p main.c libf.so.1.2 -o p
  same_program p -static main.c f.c -o p
  same_program p -no-pie main.c f.o -o p -Wl,-z,now -Wl,--gc-sections
  same_program p -x c main.c -x none f.o -o p
  same_program p -MD main.c f.o -o p
  same -r main.c f.c -o both.o
  same -shared -fPIC f.c -o libg.so.2.1
  same -nostdlib -nostartfiles -shared -fPIC f.c -o libh.so
  same main.c f.c -o /dev/null
  same main.c f.c -Wl,-r -nostdlib -o both.o
}
for_each_compiler check
