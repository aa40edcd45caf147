// SPDX-License-Identifier: Apache-2.0
// Writes the graph of all objects on the heap: what each is, from where it was reached first, and how far from a root it is.
//
//   c++ -std=c++20 -g -o graph_dump graph_dump.cc $(pkg-config --cflags --libs allocs)
//   LD_PRELOAD=liballocs_preload.so ./graph_dump
#include <allocs.hpp>
#include <cstdio>
#include <cstdlib>

struct Tree {
  Tree* left;
  Tree* right;
  int key;
};

static Tree* grow(int low, int high) {
  if (low > high) return nullptr;
  auto* tree = static_cast<Tree*>(std::malloc(sizeof(Tree)));
  tree->key = (low + high) / 2;
  tree->left = grow(low, tree->key - 1);
  tree->right = grow(tree->key + 1, high);
  return tree;
}

static Tree* root;

int main() {
  root = grow(1, 7);
  const allocs::Type tree = allocs::type_of(root);

  std::puts("# reached from a root, nearest first");
  allocs::for_each_reachable([&](const alloc_reached& reached) {
    const allocs::Allocation block(reached.block);
    if (block.type() != tree) return;
    std::printf("key %d at distance %lu, %zu pointers\n",
                static_cast<const Tree*>(block.base())->key,
                static_cast<unsigned long>(reached.distance),
                static_cast<std::size_t>(block.type().members().size()) - 1);
  });

  std::puts("# edges");
  for (const allocs::Allocation& block : allocs::blocks()) {
    if (block.type() != tree) continue;
    for (const allocs::Reference& reference : block.references()) {
      if (reference.target == nullptr) continue;
      const auto* to = static_cast<const Tree*>(reference.target);
      std::printf("%d -> %d\n", static_cast<const Tree*>(block.base())->key, to->key);
    }
  }

  char text[1024];
  allocs::show(root, {.depth = 2}).to(text, sizeof text);
  std::printf("# to depth 2\n%s\n", text);
}
