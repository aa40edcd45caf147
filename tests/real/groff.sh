# SPDX-License-Identifier: Apache-2.0
# C++ of before the standard library: classes with virtual functions, tables and strings of its own, its own operator new, and some classes with one for themselves.
groff_make() {
  # The source's dates are those of unpacking: automake would be asked for.
  make -j2 AUTOMAKE=: ACLOCAL=: AUTOCONF=: AUTOHEADER=: CXXFLAGS=-O2 CFLAGS=-O2 "$@" 2>&1
}
build() {
  ./configure --without-x --with-doc=no > configure.log 2>&1 && groff_make lib/uniwidth.h lib/unitypes.h troff font/devps/DESC
}
typeset() { # PAGE
  ./troff -Tps -Ffont -Mtmac -man "$1" 2>&1
}
own_tests() {
  for page in man/*.man; do
    typeset "$page" | tail -n 1 | grep -q '^x stop' || return 1
  done
}
workload() {
  for page in groff.7 groff_char.7 groff_out.5; do
    guest ./troff -Tps -Ffont -Mtmac -man man/$page.man > $page.out 2>&1 && tail -n 1 $page.out | grep -q '^x stop' || return 1
  done
}
