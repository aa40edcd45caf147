# SPDX-License-Identifier: Apache-2.0
# The interpreter as Debian's python3.11-dbg has it: bench/heap-types measures it as it is. Its own allocator is left out, so that each object is a block.
workload() {
  export PYTHONMALLOC=malloc
  guest /usr/bin/python3.11d -S -B -c '
import ast, collections, json, pathlib, re
folder = pathlib.Path(json.__file__).parents[1]
trees, words = [], collections.Counter()
for file in sorted(folder.glob("[a-c]*.py")):
    source = file.read_text()
    trees.append(ast.parse(source))
    words.update(re.findall(r"[a-z]+", source))
print(len(trees), json.loads(json.dumps(words)) == words, sum(isinstance(node, ast.Call) for tree in trees for node in ast.walk(tree)))'
}
