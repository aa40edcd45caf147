#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# python3 with threads, subprocesses, pickles and a database; perl with large hashes; both with their own pools and with malloc.
. "$(dirname "$0")/lib.sh"
require python3 perl

mkdir input
cat > input/a.py << 'END'
import ctypes, json, os, pickle, re, sqlite3, subprocess, sys, tempfile, threading, zlib
d = {i: [str(i)] * 3 for i in range(20000)}
text = json.dumps(d)
print(len(text), zlib.crc32(text.encode()), zlib.crc32(pickle.dumps(d, 4)))
print(len(re.findall(r'"(\d)\d*7"', text)))
sums = []
threads = [threading.Thread(target=lambda: sums.append(sum(len(str(x)) for x in range(20000)))) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(set(sums)))
print(subprocess.run(['sh', '-c', 'echo child; exit 4'], capture_output=True))
pid = os.fork()
if pid == 0: os._exit(len([bytearray(100) for _ in range(1000)]) % 251)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
db = sqlite3.connect('rows.db'); db.execute('create table t(a, b)')
db.executemany('insert into t values(?, ?)', ((i, i * i % 1009) for i in range(20000)))
print(db.execute('select b, count(*) from t group by b order by 2 desc, 1 limit 3').fetchall()); db.commit()
print(ctypes.CDLL(None).strlen(b'four'))
sys.exit(7)
END
cat > input/a.pl << 'END'
use strict; use warnings; use IO::Handle; use POSIX ();
my %h; $h{$_ % 5003} .= "<$_>" for 1 .. 100000;
my $n = 0; $n += length $h{$_} for sort { $a <=> $b } keys %h; print "$n\n"; STDOUT->flush;
open my $f, '>', 'out.txt'; print $f join(',', map { $_ ** 2 } grep { $_ & 1 } 1 .. 20000); close $f;
my $pid = fork; if (!$pid) { POSIX::_exit(5) } waitpid $pid, 0; print $? >> 8, "\n";
eval { die { code => 9 } }; print $@->{code}, "\n"; exit 6;
END
same_status 7 env PYTHONHASHSEED=1 python3 a.py
same_status 7 env PYTHONHASHSEED=1 PYTHONMALLOC=malloc python3 a.py
same_status 6 env PERL_HASH_SEED=0 perl a.pl
