# SPDX-License-Identifier: Apache-2.0
# What ./demo and ./check share. Sourced with source_dir set to the repository; sets build_dir.
#
# Environment: ALLOCS_BUILD_DIR   the build tree, default build/release. Set it when the sources are read-only.
#              ALLOCS_JOBS        compilations at a time, default as many as there are processors
build_dir=${ALLOCS_BUILD_DIR:-$source_dir/build/release}
case $build_dir in
  /*) ;;
  *) build_dir=$PWD/$build_dir ;;
esac

say() {
  printf '%s\n' "$*"
}

# heading TEXT...   says which step begins
heading() {
  printf '\n== %s\n' "$*"
}

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

install_missing() {
  "$source_dir/scripts/install_dependencies" "$@" || exit $?
}

# install_if_there_is GROUP CONSEQUENCE    for what the build can do without
install_if_there_is() {
  "$source_dir/scripts/install_dependencies" "$1" || say "Without these packages $2."
}

configure() {
  mkdir -p "$build_dir" 2> /dev/null && [ -w "$build_dir" ] ||
    fail "cannot write to $build_dir; set ALLOCS_BUILD_DIR to a directory of yours"
  configured_for=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$build_dir/CMakeCache.txt" 2> /dev/null) || true
  [ "$configured_for" = "$source_dir" ] && [ -e "$build_dir/build.ninja" ] && return
  heading "Configuring $build_dir"
  # --fresh: a cache that is there belongs to another place or to a configuration that was cut short.
  cmake --fresh -S "$source_dir" -B "$build_dir" --preset release > "$build_dir/configure.log" 2>&1 || {
    cat "$build_dir/configure.log" >&2
    fail "cmake could not configure $build_dir; its messages are above and in $build_dir/configure.log"
  }
}

# build TARGET...   ninja shows its progress; when nothing is to be done it takes a moment
build() {
  configure
  heading "Building $*"
  NINJA_STATUS='[%f/%t %es] ' cmake --build "$build_dir" --parallel ${ALLOCS_JOBS:+"$ALLOCS_JOBS"} --target "$@" ||
    fail "the build failed; the first error is above"
}

# A program becomes a guest by:   env LD_LIBRARY_PATH="$guest_path" LD_PRELOAD="$guest_library" COMMAND...
# LD_PRELOAD is a list that blanks and colons divide, so a library whose path has a blank is named alone and looked for
# through LD_LIBRARY_PATH, which blanks do not divide.
guest_path=${LD_LIBRARY_PATH:-}
guest_library=$build_dir/lib/liballocs_preload.so
case $build_dir in
  *[[:space:]]*)
    guest_path=$build_dir/lib
    guest_library=liballocs_preload.so
    ;;
esac
