#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Shells, pipes, job control and the core utilities.
. "$(dirname "$0")/lib.sh"
require bash

same bash -c 'for i in {1..3000}; do a[i]=$((i * i)); done; echo "${a[@]}" | cksum; declare -A m=([x]=1 [y]=2); echo "${!m[@]}"
  trap "echo bye" EXIT; (exit 3); echo $?; sleep 0.01 & wait $!; echo $?; read -r x < <(echo substituted); echo $x'
same sh -c 'seq 60000 | sort -R --random-source=/bin/sh | sort -n --parallel=2 | tee numbers | cksum; split -l 9000 numbers part.
  for f in part.*; do wc -l < $f; done; cp -a numbers copy; ln -s copy link; mv part.aa moved; stat -c %s-%A copy; du -b moved; rm part.ab'
same sh -c 'ls -lR --time-style=+ /usr/share/perl5 2> /dev/null | cksum; find /usr/include -name "s*.h" | xargs grep -l size_t | sort | cksum'
same sh -c 'seq 20000 | awk "{ s[\$1 % 97] += \$1 } END { for (i in s) t += s[i] * i; print t }"; seq 5000 | sed "s/\(.\)\(.\)/\2\1/" | cksum'
same_status 2 ls /nonexistent-one /nonexistent-two
same_status 139 sh -c 'kill -SEGV $$'
same_status 141 bash -c 'set -o pipefail; yes | head -n 1'
