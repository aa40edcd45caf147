# SPDX-License-Identifier: Apache-2.0
build() {
  cmake -S . -B b -DCMAKE_BUILD_TYPE=RelWithDebInfo -DLEVELDB_BUILD_BENCHMARKS=OFF > cmake.log 2>&1 && make -C b -j2 2>&1
}
own_tests() {
  (cd b && ctest -j2 2>&1)
}
workload() {
  guest b/c_test > /dev/null 2>&1 && { [ ! -x b/db_test ] || guest b/db_test --gtest_brief=1 --gtest_filter='DBTest.Get*:DBTest.Iter*' > /dev/null; }
}
