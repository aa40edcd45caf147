#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Newer compilers write in the entry of a call what it allocates. Such a block has that type, exactly; an entry that leads nowhere, or to what
# is no type, tells nothing. clang 19 does not write it, so the entries of its assembly are changed here, and where they lead to.
. "$(dirname "$0")/lib.sh"
require clang++-19 python3

cat > a.cc <<'END'
#include <allocs.h>
#include <cstdio>
#include <cstring>
struct node { node *next; long value; char name[8]; };
node one_of_all;
void *volatile hidden;
__attribute__((noinline)) void made(int) { hidden = ::operator new(24); }
int main() {
  made(1);
  alloc_info info;
  alloc_query(hidden, 0, &info);
  std::printf("%s, grade %d%s\n", info.type ? UNIQTYPE_NAME(info.type) : "no type", info.type_grade,
              (info.evidence & ALLOC_EV_CALL_ENTRY) != 0 ? ", by the call" : "");
  char text[500];
  alloc_describe(hidden, text, sizeof text);
  std::printf("%s\n", std::strstr(text, "evidence"));
}
END
cat > change.py <<'END'
# change.py LEADS_TO: of every call the entry that tells the function becomes one that tells what is allocated.
import re, sys
text = open("a.s").read()
for entry in re.finditer(r"# Abbrev \[\d+\] 0x([0-9a-f]+):0x[0-9a-f]+ DW_TAG_structure_type\n((?:\t.*\n){1,4})", text):
    if re.search(r"\.byte\t24\s+# DW_AT_byte_size", entry.group(2)):
        node = int(entry.group(1), 16)
function = int(re.search(r"# Abbrev \[\d+\] 0x([0-9a-f]+):0x[0-9a-f]+ DW_TAG_subprogram\n", text).group(1), 16)
leads_to = {"node": node, "function": function, "nowhere": 0xFFFFFFF0, "unit": 0}[sys.argv[1]]
text, names = re.subn(r"\.byte\t127(\s+# DW_AT_call_origin)", r".byte\t142, 124\1", text)
text, values = re.subn(r"\.long\t\d+(\s+# DW_AT_call_origin)", rf".long\t{leads_to}\1", text)
assert names > 0 and values > 2
open("changed.s", "w").write(text)
END
clang++-19 -g -O1 -fno-pie -I"$ALLOCS_PREFIX/include" -S a.cc -o a.s
for leads_to in node function nowhere unit; do
  python3 change.py $leads_to || fail "the assembly of clang 19 is not as it was"
  clang++-19 -no-pie -o a changed.s -L"$ALLOCS_PREFIX/lib" -Wl,-rpath,"$ALLOCS_PREFIX/lib" -lallocs
  preload ./a > out || fail "exit status $? where the entries lead to: $leads_to"
  if [ $leads_to = node ]; then
    expect out <<'END'
node, grade 4, by the call
evidence: heap index, debug information, new-expression, allocated type of the call
END
  else
    expect out <<'END'
no type, grade 0
evidence: heap index
END
  fi
done
