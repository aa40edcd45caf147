#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# git: commits, packs, clones, log, blame and fsck of a repository of some history.
. "$(dirname "$0")/lib.sh"
require git

cat > history.sh << 'END'
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
git init -q -b main one && cd one
for i in $(seq 30); do seq $i $((i * 40)) > f$((i % 7)); git add . && git commit -q -m "change $i"; done
git branch side HEAD~9 && git checkout -q side && seq 500 > g && git add g && git commit -q -m side
git checkout -q main && git merge -q -m merged side
git repack -q -a -d --threads=2 && git fsck --strict --no-progress && cd ..
git clone -q --no-local one two && cd two
git log --graph --stat --oneline && git blame -s f3 | cksum && git diff HEAD~20 | cksum && git grep -c 11 | sort
git archive HEAD | tar t && cd .. && rm -rf one/.git two/.git
END
same sh ../history.sh
