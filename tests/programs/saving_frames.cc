// SPDX-License-Identifier: Apache-2.0
// Threads whose functions keep pointers and numbers in registers while they call others, for comparing saved registers with a debugger: frames that are
// realigned, of variable size, with many arguments on the stack, interrupted by signals on their own stack and on another, and that call what does not return.
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include <unistd.h>

struct Node {
  Node* next;
  long value;
};
struct Handle {
  Node* node;
};
union Either {
  Node* node;
  long number;
};
static volatile long g_sum;
static thread_local std::jmp_buf g_out;
[[gnu::noinline]] static long go(int depth, Node* list, unsigned seed);

[[gnu::noinline]] static long realigned(int depth, Node* list, unsigned seed) {
  alignas(64) Node block[2] = {{list, depth}, {list->next, 1}};
  Node* const first = &block[0];
  const long inner = go(depth - 1, first, seed);
  return inner + first->value + block[1].value;
}
[[gnu::noinline]] static long of_any_size(int depth, Node* list, unsigned seed) {
  const std::size_t size = 1 + seed % 13;
  auto* many = static_cast<Node*>(__builtin_alloca(size * sizeof(Node)));
  for (std::size_t i = 0; i < size; ++i) many[i] = {list, static_cast<long>(i)};
  const long inner = go(depth - 1, many, seed);
  return inner + many[size - 1].value + static_cast<long>(size);
}
[[gnu::noinline]] static long many_arguments(int depth, Node* list, unsigned seed, long a, long b,
                                             long c, Node* d, Handle e, Either f, char text[8]) {
  const long inner = go(depth - 1, d, seed);
  return inner + a * b + c + list->value + e.node->value + f.number % 3 + text[1];
}
[[gnu::noinline]] static long loops(int depth, Node* list, unsigned seed) {
  long sum = 0;
  Node copies[4] = {{list, 1}, {list, 2}, {list, 3}, {list, 4}};
  for (Node *each = copies, *end = copies + 2; each != end; ++each) {
    const Node& it = *each;
    sum += go(depth - 3, each, seed + static_cast<unsigned>(sum)) + it.value;
  }
  return sum;
}
[[noreturn, gnu::noinline]] static void leave(int depth, Node* list, unsigned seed) {
  g_sum = g_sum + go(depth - 2, list->next, seed);
  std::longjmp(g_out, 1);
}
[[gnu::noinline]] static long never_returns(int depth, Node* list, unsigned seed) {
  std::jmp_buf before;
  std::memcpy(before, g_out, sizeof before);
  if (setjmp(g_out) == 0) leave(depth, list, seed);
  std::memcpy(g_out, before, sizeof before);
  return list->value;
}
static thread_local int g_depth;
static thread_local Node* g_list;
extern "C" void on_signal(int number) {
  Node here = {g_list, number};
  if (g_depth > 4) g_sum = g_sum + go(g_depth / 2, &here, static_cast<unsigned>(number) + 3);
  usleep(10);
}
[[gnu::noinline]] static long interrupted(int depth, Node* list, unsigned seed) {
  g_depth = depth;
  g_list = list;
  pthread_kill(pthread_self(), seed % 2 == 0 ? SIGUSR1 : SIGUSR2);
  return go(depth - 4, list, seed + 1) + list->value;
}
static long go(int depth, Node* list, unsigned seed) {
  if (depth <= 0) {
    if (seed % 5 == 0) usleep(30);
    long sum = 0;
    for (int i = 0; i < 2000; ++i) sum += list->value ^ i;
    return sum;
  }
  seed = seed * 1664525 + 1013904223;
  Node here = {list, depth};
  char text[8] = "seven";
  switch (seed >> 29) {
    case 0:
      return realigned(depth, list, seed) + here.value;
    case 1:
      return of_any_size(depth, &here, seed);
    case 2:
      return many_arguments(depth, list, seed, 1, depth, static_cast<long>(seed), &here, {list},
                            {.node = list}, text);
    case 3:
      return loops(depth, list, seed);
    case 4:
      return never_returns(depth, &here, seed);
    case 5:
      return interrupted(depth, list, seed) + here.value;
    default: {
      Node* const kept = list;
      const long number = static_cast<long>(seed) << 20;
      return go(depth - 1, &here, seed) + kept->value + number;
    }
  }
}
int main() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGUSR1, &action, nullptr);
  action.sa_flags = SA_ONSTACK;
  sigaction(SIGUSR2, &action, nullptr);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 8; ++i)
    threads.emplace_back([i] {
      stack_t other{};
      other.ss_size = 1 << 20;
      other.ss_sp = std::malloc(other.ss_size);
      sigaltstack(&other, nullptr);
      Node end = {&end, 7};
      for (unsigned round = i;; ++round)
        g_sum = go(8 + static_cast<int>(round % 40), &end, round * 2654435761u);
    });
  std::puts("ready");
  std::fflush(stdout);
  for (std::thread& thread : threads) thread.join();
}
