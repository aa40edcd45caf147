# SPDX-License-Identifier: Apache-2.0
# The interpreter, linked as one program. For the workload its own allocator is left out, so that each object is a block.
build() {
  ./configure -q OPT="-O2 -fwrapv -Wall" --without-ensurepip > configure.log 2>&1 && make -j2 pybuilddir.txt 2>&1
}
own_tests() {
  make -j2 > all.log 2>&1 && ./python -m test test_dict test_list test_set test_unicode test_bytes test_ast test_json test_re test_generators test_exceptions 2>&1
}
workload() {
  export PYTHONMALLOC=malloc
  guest ./python -S -B -c '
import ast, collections, os
trees, words = [], collections.Counter()
for name in sorted(os.listdir("Lib")):
    if name[0] not in "abc" or not name.endswith(".py"): continue
    source = open("Lib/" + name, encoding="utf-8").read()
    trees.append(ast.parse(source))
    words.update(source.split())
print(len(trees), len(words), sum(isinstance(node, ast.Call) for tree in trees for node in ast.walk(tree)))'
}
