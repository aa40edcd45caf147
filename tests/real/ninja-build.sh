# SPDX-License-Identifier: Apache-2.0
build() {
  cmake -S . -B b -DCMAKE_BUILD_TYPE=RelWithDebInfo > cmake.log 2>&1 && make -C b -j2 ninja ninja_test 2>&1
}
own_tests() {
  (cd b && ./ninja_test 2>&1)
}
workload() {
  rm -rf w .ninja_log .ninja_deps
  guest b/ninja -C b -t query all > /dev/null 2>&1
  {
    echo 'rule touch'
    echo '  command = touch $out'
    for i in $(seq 300); do echo "build w/$i: touch | CMakeLists.txt"; done
  } > w.ninja
  guest b/ninja -f w.ninja > /dev/null && guest b/ninja -f w.ninja -t graph > /dev/null
}
