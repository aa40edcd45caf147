# SPDX-License-Identifier: Apache-2.0
build() {
  make -j2 bzip2 bzip2recover CC="$CC" 2>&1
}
own_tests() {
  make test CC="$CC" 2>&1
}
workload() {
  export LD_LIBRARY_PATH="$PWD" # Debian's bzip2 has its library beside it
  for level in 1 9; do
    guest ./bzip2 -k -c -$level huffman.c > a.bz2 && guest ./bzip2 -d -c a.bz2 > a.c && cmp a.c huffman.c || return 1
  done
}
