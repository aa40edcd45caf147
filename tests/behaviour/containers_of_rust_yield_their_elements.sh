#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The elements of Rust's vectors, strings and slices, asked about by a part of the program that is written in C.
. "$(dirname "$0")/lib.sh"

cat > a.rs << 'END'
use std::ffi::c_void;
extern "C" { fn tell(name: *const u8, object: *const c_void); }
#[derive(Clone)]
pub struct Point { x: i32, y: i32 }
fn say<T>(name: &str, object: &T) { unsafe { tell(name.as_ptr(), object as *const T as *const c_void) } }
fn main() {
    let points = vec![Point { x: 1, y: 2 }, Point { x: 3, y: 4 }];
    let text = String::from("hey");
    let texts = vec![String::from("a"), String::new()];
    let part: &[Point] = &points[1..];
    let word: &str = &text[1..];
    let empty: Vec<u64> = Vec::new();
    say("alloc::vec::Vec<a::Point, alloc::alloc::Global>\0", &points);
    say("alloc::string::String\0", &text);
    say("alloc::vec::Vec<alloc::string::String, alloc::alloc::Global>\0", &texts);
    say("&[a::Point]\0", &part);
    say("&str\0", &word);
    say("alloc::vec::Vec<u64, alloc::alloc::Global>\0", &empty);
    println!("{}", points[0].x + points[1].y);
}
END
cat > tell.c << 'END'
#include <allocs/container.h>
#include <stdio.h>
void tell(const char *name, const void *object) {
  struct alloc_elements elements;
  struct alloc_element element;
  int result = alloc_begin_elements(uniqtype_by_name(name), object, &elements);
  printf("%s: %d", name, result);
  if (result == 0) {
    printf(" %s %zu", UNIQTYPE_NAME(elements.type), (size_t)elements.count);
    while ((result = alloc_next_element(&elements, &element)) == 1) printf(" %d", *(const signed char *)element.base);
  }
  printf("\n");
  fflush(stdout);
}
END
export XDG_CACHE_HOME="$PWD/cache"
"$CC" -g -I"$ALLOCS_PREFIX/include" -c tell.c
tried=0
for compiler in /usr/bin/rustc rustc; do
  "$compiler" --version 2> /dev/null || continue
  "$compiler" -g a.rs -C link-arg=tell.o -C link-arg="$ALLOCS_PREFIX/lib/liballocs_link.a" > errors 2>&1 || fail "$(cat errors)"
  ALLOCS_META=wait preload ./a > out || fail "exit status $?"
  sed 's/&\[/\&(/; s/\]/)/' out > told  # brackets are patterns
  expect told << 'END'
alloc::vec::Vec<a::Point, alloc::alloc::Global>: 0 a::Point 2 1 3
alloc::string::String: 0 uint$8 3 104 101 121
alloc::vec::Vec<alloc::string::String, alloc::alloc::Global>: 0 alloc::string::String 2 * *
&(a::Point): 0 a::Point 1 3
&str: 0 uint$8 2 101 121
alloc::vec::Vec<u64, alloc::alloc::Global>: 0 uint$64 0
5
END
  tried=1
done
[ $tried = 1 ] || skip "rustc is not installed"
