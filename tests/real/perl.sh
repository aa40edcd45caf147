# SPDX-License-Identifier: Apache-2.0
# The interpreter alone, linked as one program, without its extensions.
build() {
  ./Configure -des -Dcc="$CC" -Doptimize=-O2 -Uuseshrplib -Uusemymalloc -Ud_dosuid -Dnoextensions='*' > configure.log 2>&1 && make -j2 perl 2>&1
}
own_tests() {
  make -j2 test_prep > prep.log 2>&1 && (cd t && ./perl -I../lib harness op/hash.t op/sort.t op/sprintf.t op/split.t re/pat.t re/subst.t 2>&1)
}
workload() {
  guest ./perl -Ilib "$HERE/perl.pl"
}
