#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The plugin changes nothing in what clang says of a source, however broken or strange, nor in how it ends.
. "$(dirname "$0")/lib.sh"
need_plugin

python3 - <<'END'
sources = {
    "empty.c": "", "broken.c": "int f( { return malloc(sizeof; }", "undeclared.c": "void f(void) { int *p = malloc(4); }",
    "incomplete.c": "struct s; void *malloc(unsigned long); struct s *f(void) { return malloc(sizeof(struct s)); }",
    "strange_malloc.c": "int malloc; int f(void) { return malloc; }",
    "short_malloc.c": "void *malloc(void); void *calloc(); void *f(void) { return calloc(), malloc(); }",
    "vla.c": "void *malloc(unsigned long); void *f(int n) { return malloc(sizeof(int[n]) * n); }",
    "zero.c": "void *malloc(unsigned long); struct e {}; void *f(void) { return malloc(sizeof(struct e) * 0); }",
    "recursion.c": "void *a(long n) { return n ? a(n - 1) : 0; } long s(long n) { return s(n); } void *malloc(unsigned long);"
                   "void *b(long n) { return malloc(s(n)); }",
    "deep.c": "void *malloc(unsigned long); void *f(int n) { return malloc(" + "n + " * 1500 + "sizeof(int)); }",
    "wide.c": "void *malloc(unsigned long); void f(int n) {" + "void *p = malloc(n); p = malloc(n * 2ul);" * 1
              + "".join(f"long v{i} = n + {f'v{i - 1}' if i else 'n'} * sizeof(int); v{i} += v{i}; " for i in range(300))
              + "p = malloc(v299); }",
    "broken.cc": "template <class T> struct a { T *p = new T[; }; a<int> x; auto f() { return new undeclared; }",
    "template.cc": "template <class T> T *f(int n) { return new T[n * sizeof(T)]; } template <class T> struct r : r<T *> {};"
                   "int *g() { return f<int>(3); }",
    "incomplete.cc": "struct s; s *f() { return new s; }",
    "constant.cc": "constexpr int f() { int *p = new int(3); int r = *p; delete p; return r; } static_assert(f() == 3);",
    "own_new.cc": "struct a { static void *operator new(unsigned long, int); static void *operator new[](unsigned long); ~a(); };"
                  "a *f() { return new (3) a; } a *g(int n) { return new a[n]; } int (*h(int n))[4] { return new int[n][4]; }",
    "coroutine.cc": "#include <coroutine>\nstruct t { struct promise_type { t get_return_object() { return {}; } std::suspend_never initial_suspend()"
                    " { return {}; } std::suspend_never final_suspend() noexcept { return {}; } void return_void() {} void unhandled_exception() {} }; };"
                    "t f() { int *p = new int; co_await std::suspend_always(); delete p; }",
    "lambda.cc": "auto f = [](auto n) { return [=] { return new decltype(n)[n]; }; }; auto *p = f(3)(); auto *q = f(3l)();",
}
for name, text in sources.items():
    open(name, "w").write(text + "\n")
END

outcome() { # COMMAND...: exit status and messages
  "$@" 2>&1 < /dev/null || echo "status $?"
}
for source in *.c *.cc; do
  for flags in "-g -O0" "-g -O2" "-O2" "-gmlt -O1" "-fsyntax-only" "-g -O2 -flto" "-E"; do
    flags="-c $flags -Wall -o out -std=$(case $source in *.cc) echo c++20 ;; *) echo gnu17 ;; esac)"
    # shellcheck disable=SC2086 # the flags are a list
    outcome $(compiler_for $source) $flags $source > without
    # shellcheck disable=SC2086
    outcome $(compiler_for $source) $flags -fplugin="$plugin" $source > with
    # shellcheck disable=SC2086
    outcome $(compiler_for $source) $flags -fplugin="$plugin" -Xclang -plugin-arg-allocs -Xclang list=list $source > with_list
    diff without with && diff without with_list || fail "$source $flags: the plugin changed what clang says"
  done
done
