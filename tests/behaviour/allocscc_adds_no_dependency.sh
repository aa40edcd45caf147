#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What it links needs the same libraries, exports the same names and is as hardened as what the compiler links.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../programs/like_the_compiler.sh"
require readelf

mkdir src
echo 'int f(int x) { return x; } int main(void) { return f(7); }' > src/a.c
echo 'int main() { return 7; }' > src/b.cc

# facts FILE   needed libraries, exported names, flags of stack and relocations, control-flow protection
facts() {
  readelf -dW "$1" | grep -e NEEDED -e FLAGS -e RPATH -e RUNPATH
  readelf -W --dyn-syms "$1" | awk '$7 != "UND" && $5 != "LOCAL" { print $8 }' | sort
  readelf -lW "$1" | awk '/GNU_STACK|GNU_RELRO/ { print $1, $7, $8 }'
  readelf -nW "$1" | grep 'x86 feature' || true
}

same_facts() {
  same "$@"
  facts bare/out > bare.facts
  facts wrapped/out > wrapped.facts
  diff -u bare.facts wrapped.facts || fail "$wrapped $*"
}

check() {
  hardening="-fcf-protection=full -fstack-protector-strong -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--fatal-warnings"
  # shellcheck disable=SC2086
  same_facts a.c -g -o out $hardening
  # shellcheck disable=SC2086
  same_facts a.c -g -o out $hardening -nostartfiles -shared -fPIC
  same_facts a.c -g -o out -rdynamic -Wl,-rpath,/x
  bare=$cxx wrapped="allocsc++ --allocs-cc=$cxx"
  same_facts b.cc -g -o out
}
for_each_compiler check
