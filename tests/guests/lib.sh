# SPDX-License-Identifier: Apache-2.0
# Helpers for the tests of guests: programs as they are installed, which must do under the preload library exactly what
# they do alone. A test reads like this:
#
#   . "$(dirname "$0")/lib.sh"
#   require tar gzip
#   same tar -czf a.tgz -C /usr/share/perl .
#
# `same` runs the command twice in a directory of the same name, beginning with what is in ./input if that exists, and
# compares standard output, standard error, exit status and every file that is there at the end.
. "$(dirname "$0")/../behaviour/lib.sh"
export LC_ALL=C TZ=UTC

# same COMMAND...
same() {
  run_once alone "$@"
  LD_PRELOAD=$PRELOAD run_once guest "$@"
  diff -r alone guest > difference 2>&1 ||
    fail "'$*' does something else under the preload library: $(head -c 2000 difference)"
  rm -rf alone guest
}

# same_status STATUS COMMAND...   as `same`; and alone the command ends with that exit status
same_status() {
  wanted_status=$1
  shift
  same "$@"
  [ "$last_status" -eq "$wanted_status" ] || fail "exit status $last_status instead of $wanted_status: $*"
}

run_once() {
  kept=$1
  shift
  rm -rf work
  mkdir work
  [ ! -d input ] || cp -R input/. work
  last_status=0
  (cd work && exec "$@") > stdout 2> stderr < /dev/null || last_status=$?
  echo "$last_status" > status
  mkdir "$kept"
  mv work stdout stderr status "$kept"
}
