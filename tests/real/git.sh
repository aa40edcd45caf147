# SPDX-License-Identifier: Apache-2.0
# Without the libraries and languages that what is measured does not need.
git_make() {
  make -j2 CC="$CC" CFLAGS=-O2 NO_OPENSSL=1 NO_CURL=1 NO_EXPAT=1 NO_PERL=1 NO_PYTHON=1 NO_TCLTK=1 NO_GETTEXT=1 "$@" 2>&1
}
build() {
  git_make git
}
own_tests() {
  git_make all && cd t && for test in t0001-init t1006-cat-file t5300-pack-object t7700-repack; do sh ./$test.sh -q || return 1; done
}
workload() {
  rm -rf w && mkdir w || return 1
  export HOME="$PWD/w" GIT_EXEC_PATH="$PWD" GIT_CONFIG_NOSYSTEM=1 PAGER=cat
  export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_AUTHOR_DATE='2001-01-01T00:00:00 +0000'
  export GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org GIT_COMMITTER_DATE='2001-01-01T00:00:00 +0000'
  guest ./git init -q -b main --template= w/r || return 1
  for part in builtin ewah refs reftable trace2 xdiff; do
    cp -r $part w/r && rm -f w/r/$part/*.o && for file in w/r/*/*.c; do echo "/* $part */" >> "$file"; done
    guest ./git -C w/r add . && guest ./git -C w/r commit -q -m "With $part" || return 1
  done
  guest ./git -C w/r log --stat > w/log && [ "$(grep -c '^commit ' w/log)" = 6 ] &&
    guest ./git -C w/r repack -a -d -q && guest ./git -C w/r fsck --full > w/fsck 2>&1
}
