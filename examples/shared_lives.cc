// SPDX-License-Identifier: Apache-2.0
// Three ways to keep a block alive, in one program: its cells refer to each other in rings, and are collected when nothing refers to them; its texts are counted, and shared by the cells; its
// connections are freed by who has opened them, but stay for a statistic that holds them as well.
//
//   c++ -std=c++20 -g -o shared_lives shared_lives.cc $(pkg-config --cflags --libs allocs) -pthread
//   LD_PRELOAD=liballocs_preload.so ./shared_lives
#include <pthread.h>
#include <unistd.h>
#include <allocs.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// ---- texts: counted; the destructor runs when the last copy goes ----

static int texts_alive;
struct Text {
  explicit Text(const char* from) {
    std::snprintf(characters, sizeof characters, "%s", from);
    ++texts_alive;
  }
  ~Text() { --texts_alive; }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;
  char characters[40];
};

// ---- cells: collected ----

struct Cell {
  Cell* next;
  Text* text;  // the cell's own hold on it
  long number;
};
static int cells_alive;
static alloc_holder* cells;

// Called for each cell that is collected: what it holds goes with it.
static void cell_gone(void*, void* block, std::size_t) {
  auto* cell = static_cast<Cell*>(block);
  if (cell->text != nullptr) alloc_let_go(cell->text, alloc_counted_holder());
  --cells_alive;
}

static Cell* rings[3];
[[gnu::noinline]] static void make_ring(int which, long length) {
  const auto text = allocs::make_held<Text>(which == 0 ? "first" : which == 1 ? "second" : "third");
  Cell* first = nullptr;
  Cell* last = nullptr;
  for (long i = 0; i < length; ++i) {
    auto* cell = static_cast<Cell*>(std::malloc(sizeof(Cell)));
    alloc_hold(text.get(), alloc_counted_holder());
    *cell = {first, text.get(), i};
    alloc_hold(cell, cells);
    alloc_let_go(cell, alloc_explicit_holder());
    ++cells_alive;
    if (last == nullptr) last = cell;
    first = cell;
  }
  last->next = first;
  rings[which] = first;
}
[[gnu::noinline]] static bool is_sound(int which, long length) {
  const Cell* cell = rings[which];
  for (long i = length - 1; i >= 0; --i, cell = cell->next)
    if (cell->number != i || cell->text == nullptr) return false;
  return cell == rings[which];
}
// What calls before have left on the stack would be taken for references.
[[gnu::noinline]] static void clean_stack() {
  volatile unsigned char old[16384];
  for (volatile unsigned char& byte : old) byte = 0;
}
[[gnu::noinline]] static void collect_here(const char* when) {
  const auto collected = allocs::collect(SIGRTMIN, 10000);
  if (!collected)
    std::printf("not collected: %s\n", alloc_error_message(collected.error));
  else
    std::printf("%s: %d cells, %d texts\n", when, cells_alive, texts_alive);
}

static void collect_and_tell(const char* when) {
  clean_stack();
  collect_here(when);
}

// ---- connections: freed explicitly, held for a statistic by a holder of its own ----

struct Connection {
  int number;
  long bytes;
};
static Connection* statistic[3];
static int connections_gone;

[[gnu::noinline]] static void use_connections() {
  alloc_policy policy{};
  policy.size = sizeof policy;
  policy.name = "statistic";
  policy.gone = [](void*, void*, std::size_t) { ++connections_gone; };
  alloc_holder* holder = nullptr;
  if (alloc_register_holder(&policy, &holder) != ALLOC_OK) return;
  for (int i = 0; i < 3; ++i) {
    auto* connection = static_cast<Connection*>(std::malloc(sizeof(Connection)));
    *connection = {i, 100L * i};
    alloc_hold(connection, holder);
    statistic[i] = connection;
    alloc_let_go(connection, alloc_explicit_holder());  // its user is done
  }
  long sum = 0;
  for (Connection* each : statistic) sum += each->bytes;
  alloc_held_by by[4];
  const int count = alloc_get_holders(statistic[1], by, 4);
  std::printf("%ld bytes by connections that are closed, each held by %d: %s\n", sum, count,
              count == 1 ? by[0].name : "?");
  for (Connection* each : statistic) alloc_let_go(each, holder);
  std::printf("%d connections have gone\n", connections_gone);
}

static volatile bool quit;
static void* work(void*) {
  while (!quit) usleep(1000);
  return nullptr;
}

int main() {
  alloc_policy policy{};
  policy.size = sizeof policy;
  policy.name = "cells";
  policy.kind = ALLOC_HOLDS_WHILE_REACHABLE;
  policy.gone = cell_gone;
  if (alloc_register_holder(&policy, &cells) != ALLOC_OK) return 2;
  pthread_t thread;
  pthread_create(&thread, nullptr, work, nullptr);
  for (int i = 0; i < 3; ++i) make_ring(i, 1000);
  collect_and_tell("all in use");
  rings[0] = nullptr;
  collect_and_tell("one ring dropped");
  std::printf("sound: %d\n", is_sound(1, 1000));
  rings[1] = rings[2] = nullptr;
  collect_and_tell("all dropped");
  use_connections();
  quit = true;
  pthread_join(thread, nullptr);
  return 0;
}
