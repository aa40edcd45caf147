// SPDX-License-Identifier: Apache-2.0
// Tells who points at an object, and by which chain of pointers it is kept.
//
//   c++ -std=c++20 -g -o who_points_here who_points_here.cc $(pkg-config --cflags --libs allocs)
//   LD_PRELOAD=liballocs_preload.so ./who_points_here
#include <allocs.hpp>
#include <cstdio>
#include <cstdlib>

struct Session {
  int id;
};
struct Connection {
  Connection* next;
  Session* session;
};

static Connection* connections;
static Session* last_used;

[[gnu::noinline]] static void connect(int id) {
  auto* session = static_cast<Session*>(std::malloc(sizeof(Session)));
  auto* connection = static_cast<Connection*>(std::malloc(sizeof(Connection)));
  session->id = id;
  *connection = {connections, session};
  connections = connection;
}

static void print_place(const void* at) {
  char path[256];
  if (at == nullptr) {
    std::printf("a register");
  } else if (alloc_format_path(at, 0, path, sizeof path) >= 0) {
    std::printf("%s", path);
  }
}

int main() {
  for (int id = 1; id <= 3; ++id) connect(id);
  last_used = connections->next->session;

  std::printf("session %d is pointed at by\n", connections->next->session->id);
  allocs::for_each_referrer(connections->next->session, [](const alloc_reference& reference) {
    if (reference.type == nullptr) return;  // a word that only looks like it
    if (alloc_get_allocator(reference.at) == &__stackframe_allocator)
      return;  // the arguments of this very call
    std::printf("  ");
    print_place(reference.at);
    char type[64];
    allocs::Type(reference.type).describe(type, sizeof type);
    std::printf(" (%s)\n", type);
  });

  last_used = nullptr;
  alloc_reference steps[8];
  const int count = alloc_find_route(connections->next->next, 0, steps, 8);
  std::printf("the oldest connection is kept by %d pointers\n", count);
  return count > 0 ? 0 : 1;
}
