# SPDX-License-Identifier: Apache-2.0
build() {
  make -j2 xmltest CXX="$CXX" CXXFLAGS="-fPIC -O2" 2>&1
}
own_tests() {
  mkdir -p resources/out && ./xmltest 2>&1
}
workload() {
  guest ./xmltest > /dev/null
}
