#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# After a filter that kills for each system call but those of malloc, functions that would read memory through the kernel, or change what needs it, say so.
. "$(dirname "$0")/lib.sh"

cat > a.cc <<'EOF2'
#include <allocs.h>
#include <allocs/allocator.h>
#include <allocs/container.h>
#include <allocs/elf_file.h>
#include <allocs/interpreter.h>
#include <allocs/lifetime.h>
#include <allocs/move.h>
#include <allocs/sequence.h>
#include <allocs/stop.h>
#include <allocs/walk.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <vector>

#define ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
static sock_filter filter[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)), ALLOW(write), ALLOW(newfstatat), ALLOW(exit_group),
                               ALLOW(brk), ALLOW(mmap), ALLOW(munmap), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
static sock_fprog program = {sizeof filter / sizeof *filter, filter};

struct Node { Node *next; int value; };
std::vector<int> numbers{1, 2, 3};
std::list<int> links{4, 5, 6};
Node node{&node, 1};
char words[] = "one\0two";

template <typename T>
static void elements(const char *what, const T &object) {
  alloc_elements walk;
  alloc_element each;
  int error = alloc_begin_elements(alloc_get_type(&object), &object, &walk), count = 0;
  printf("%s: %d", what, error);
  while (error == 0 && (error = alloc_next_element(&walk, &each)) == 1) error = 0, ++count;
  printf(" %d %d\n", error, count);
}
static int on(const alloc_step *, void *) { return ALLOC_WALK_ON; }
static int word(const alloc_reference *, void *) { return 0; }
static int interpreted(const alloc_step *, const alloc_referent *, void *) { return ALLOC_WALK_ON; }
static int find(void *, const alloc_info *, const void *, unsigned, alloc_info *) { return ALLOC_E_NOTHING_THERE; }
static alloc_elements begun;

static void ask(void *image, size_t size, void *mapping) {
  elements("vector", numbers);
  elements("list", links);
  alloc_element element;
  printf("begun before: %d\n", alloc_next_element(&begun, &element));
  alloc_referent referent;
  printf("pointer: %d\n", alloc_interpret(&node.next, alloc_pointer_interpreter(), 0, &referent));
  alloc_info info;
  alloc_query(&node, 0, &info);
  printf("walks: %d", alloc_walk_tree(&info, ALLOC_WALK_SUBOBJECTS, on, nullptr));
  printf(" %d", alloc_walk_references(&node, 0, word, nullptr));
  printf(" %d\n", alloc_walk_interpreted(&info, alloc_pointer_interpreter(), 0, interpreted, nullptr));
  printf("ELF file: %d\n", alloc_make_elf_file(image, size));
  alloc_demote(image);
  void *block = malloc(100), *base = nullptr, *other = malloc(30);
  alloc_moving moving{};
  alloc_move move{.obj = block, .to = nullptr, .base = nullptr, .reserved = {}};
  printf("moves: %d", alloc_migrate(block, nullptr, nullptr, &base));
  printf(" %d", alloc_migrate(block, nullptr, &moving, &base));
  printf(" %d", alloc_migrate_all(&move, 1, &moving, nullptr));
  printf(" %d\n", alloc_resize_moving(block, 100000, &moving, &base));
  printf("blocks: %d", alloc_set_type(block, alloc_get_type(&node)));
  printf(" %d", alloc_resize(block, 60, 0, &base));
  printf(" %d\n", alloc_free(block));
  static allocator mine = {"mine"};
  static alloc_protocol protocol = {.size = sizeof protocol, .find = find, .next = find};
  printf("allocators: %d", alloc_register_allocator(&mine, &protocol));
  printf(" %d", alloc_promote(other, alloc_elf_allocator()));
  printf(" %d\n", alloc_make_sequence(words, alloc_string_family()));
  printf("mappings: %d", alloc_free(mapping));
  printf(" %d", alloc_resize(mapping, 8192, ALLOC_MAY_MOVE, &base));
  printf(" %d\n", alloc_insert(mapping, 1, 0, &base));
  alloc_collection collection{};
  printf("others: %d", alloc_stop_others(SIGUSR1, 0, nullptr));
  printf(" %d\n", alloc_collect(&collection));
}

int main(int, char **argv) {
  size_t size = 20000;
  void *image = malloc(size), *mapping = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int fd = open(argv[0], O_RDONLY);
  if (read(fd, image, size) < 1000) return 1;
  alloc_begin_elements(alloc_get_type(&numbers), &numbers, &begun);
  elements("free", numbers); /* the types are made */
  elements("free", links);
  alloc_referent referent;
  printf("free: %d\n", alloc_interpret(&node.next, alloc_pointer_interpreter(), 0, &referent));
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 1;
  ask(image, size, mapping);
  fflush(stdout);
  char byte;
  iovec here{&byte, 1}, there{words, 1};
  process_vm_readv(0, &here, 1, &there, 1, 0);
  puts("there is no sandbox");
  return 0;
}
EOF2
sed -i 's/^#include <sys\/syscall.h>/#include <sys\/syscall.h>\n#include <sys\/uio.h>/' a.cc
build a.cc -std=c++20 -Wall
status=0
(preload ./a > out 2> errors) || status=$?
expect out <<'EOF2'
free: 0 0 3
free: 0 0 3
free: 0
vector: -3 -3 0
list: -3 -3 0
begun before: 1
pointer: -3
walks: -3 -3 -3
ELF file: -24
moves: -24 -24 -24 -24
blocks: -24 0 0
allocators: -24 -12 -24
mappings: -3 -3 -3
others: -24 -24
EOF2
[ "$status" -eq 159 ] || fail "ended with $status, not by the last system call (159, SIGSYS)"
