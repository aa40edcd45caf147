#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A slice of python's own test suite gives the same results.
. "$(dirname "$0")/lib.sh"
require python3
python3 -c 'import test.test_list, test.test_posix' 2> /dev/null || skip "python's own test suite is not installed (libpython3.*-testsuite)"

mkdir input
cat > input/slice.py << 'END'
import io, sys, unittest
names = ['list', 'json', 'struct', 'memoryview', 'deque', 'gc', 'mmap', 'posix']
for name in names:
    out = io.StringIO()
    suite = unittest.defaultTestLoader.loadTestsFromName('test.test_' + name)
    r = unittest.TextTestRunner(out).run(suite)
    if r.testsRun < 5: sys.exit(f'test_{name} does not run: {out.getvalue()}')
    print(name, r.testsRun, len(r.failures), len(r.errors), len(r.skipped), flush=True)
END
same env PYTHONHASHSEED=1 python3 slice.py
