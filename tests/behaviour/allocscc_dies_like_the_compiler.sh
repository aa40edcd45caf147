#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A signal ends it as it ends the compiler: the compiler first, then the wrapper, and nothing is left in /tmp.
. "$(dirname "$0")/lib.sh"
require python3

mkdir tmp
export TMPDIR="$PWD/tmp"
cat > gcc <<'END'
#!/bin/sh
[ "$1" != -dumpversion ] || exit
echo $$ > compiler.pid
exec sleep 30
END
chmod +x gcc
echo 'int main(void) { return 0; }' > a.c
cat > interrupt.py <<'END'
import os, signal, subprocess, sys, time
for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"):
    for words in (["-c", "a.c"], ["a.c", "-o", "p"]):
        if os.path.exists("compiler.pid"):
            os.remove("compiler.pid")
        wrapper = subprocess.Popen(["allocscc", "--allocs-cc=./gcc", *words])
        while not os.path.exists("compiler.pid") or not open("compiler.pid").read().strip():
            time.sleep(0.01)
        compiler = int(open("compiler.pid").read())
        sent = getattr(signal, name)
        os.kill(compiler if name == "SIGKILL" else wrapper.pid, sent)
        assert wrapper.wait(10) == -sent, (name, words, wrapper.returncode)
        try:
            os.kill(compiler, 0)
            sys.exit(f"{name}: the compiler is left over")
        except ProcessLookupError:
            pass
END
python3 interrupt.py
[ -z "$(ls tmp)" ] || fail "left over: $(ls tmp)"
