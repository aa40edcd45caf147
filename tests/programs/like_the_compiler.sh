# SPDX-License-Identifier: Apache-2.0
# For the tests that compare allocscc with the compiler behind it; sourced after behaviour/lib.sh.
#
#   mkdir src; cat > src/a.c ...           what both start from
#   for_each_compiler check                calls `check` with $bare and $wrapped set to commands, for C and for C++
#   same -c a.c                            both are run in a copy of src; output, exit status and files must be the same
#
# After `same` the two results are in the folders bare and wrapped, and the outputs in bare.out, bare.err, ...

# for_each_compiler FUNCTION
for_each_compiler() {
  for pair in "gcc g++" "clang-19 clang++-19"; do
    cc=${pair% *} cxx=${pair#* }
    command -v "$cc" > /dev/null || continue
    echo "== $cc"
    bare=$cc wrapped="allocscc --allocs-cc=$cc" "$1"
  done
}

# run_in FOLDER COMMAND...   in a fresh copy of src; leaves FOLDER.out FOLDER.err FOLDER.status
run_in() {
  folder=$1
  shift
  rm -rf "$folder"
  cp -r src here  # messages may have the whole path
  status=0
  (cd here && "$@" < "${input:-/dev/null}" > "../$folder.out" 2> "../$folder.err") || status=$?
  mv here "$folder"
  echo "$status" > "$folder.status"
  # The only thing that differs between two runs of one compiler: its temporary files.
  sed -E -i 's#/tmp/[-A-Za-z0-9_]+\.(o|s|ld|res)#/tmp/XXXXXX.\1#g' "$folder.err" "$folder.out"
}

# same ARGUMENT...
same() {
  # shellcheck disable=SC2086 # the command has words
  run_in bare $bare "$@"
  # shellcheck disable=SC2086
  run_in wrapped $wrapped "$@"
  for what in status out err; do
    cmp -s bare.$what wrapped.$what || {
      diff -u bare.$what wrapped.$what >&2 || true
      fail "$wrapped $*: another $what"
    }
  done
  (cd bare && find . | sort) > bare.files
  (cd wrapped && find . | sort) > wrapped.files
  diff -u bare.files wrapped.files || fail "$wrapped $*: other files"
}

# same_content FILE...   made by the last `same`
same_content() {
  for file; do
    cmp "bare/$file" "wrapped/$file" || fail "$file has another content"
  done
}

# same_code OBJECT...   the machine code in them is the same
same_code() {
  for file; do
    for folder in bare wrapped; do
      objcopy -O binary -j .text "$folder/$file" $folder.text
    done
    cmp bare.text wrapped.text || fail "$file has other code"
  done
}
