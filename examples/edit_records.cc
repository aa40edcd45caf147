// SPDX-License-Identifier: Apache-2.0
// Edits a file of records where it is mapped: `edit_records FILE` lists it; `... insert N ID TEXT` puts a record before record N; `... remove N` takes
// one out. The file grows and shrinks in the middle, and what is in memory is the file.
//
//   c++ -std=c++20 -g -o edit_records edit_records.cc $(pkg-config --cflags --libs allocs)
//   LD_PRELOAD=liballocs_preload.so ./edit_records notes.db insert 0 17 "buy milk"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <allocs.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>

struct Record {
  unsigned id;
  char text[28];
};

static Record prototype;  // the type by which the mapping is to be known

int main(int argc, char** argv) {
  if (argc < 2 || (argc > 2 && argc != 4 && argc != 6)) {
    std::fprintf(stderr, "usage: edit_records FILE [insert N ID TEXT | remove N]\n");
    return 2;
  }
  const int fd = open(argv[1], O_RDWR | O_CREAT, 0666);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) {
    std::perror(argv[1]);
    return 1;
  }
  // A file of no bytes cannot be mapped: it gets a first record.
  if (status.st_size == 0 && ftruncate(fd, status.st_size = sizeof(Record)) != 0) return 1;
  std::size_t count = static_cast<std::size_t>(status.st_size) / sizeof(Record);
  void* mapped = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ | PROT_WRITE,
                      MAP_SHARED, fd, 0);
  close(fd);
  if (mapped == MAP_FAILED) return 1;
  auto* records = static_cast<Record*>(mapped);
  if (const int error = alloc_set_type(records, allocs::type_of(&prototype).array().get());
      error != ALLOC_OK) {
    std::fprintf(stderr, "edit_records: %s\n", alloc_error_message(error));
    return 1;
  }

  if (argc > 3) {
    const std::size_t at = std::strtoul(argv[3], nullptr, 10);
    int error = ALLOC_E_INVALID;
    void* place = nullptr;
    if (std::strcmp(argv[2], "insert") == 0 && argc == 6 && at <= count) {
      error = alloc_insert(records + at, sizeof(Record), ALLOC_MAY_MOVE, &place);
      if (error == ALLOC_OK) {
        auto* made = static_cast<Record*>(place);
        made->id = static_cast<unsigned>(std::strtoul(argv[4], nullptr, 10));
        std::snprintf(made->text, sizeof made->text, "%s", argv[5]);
        records = made - at;
        ++count;
      }
    } else if (std::strcmp(argv[2], "remove") == 0 && at < count) {
      error = alloc_remove(records + at, sizeof(Record), 0, &place);
      if (error == ALLOC_OK) --count;
    }
    if (error != ALLOC_OK) {
      std::fprintf(stderr, "edit_records: %s\n", alloc_error_message(error));
      return 1;
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    char text[256], path[4200];
    allocs::show(records[i]).to(text, sizeof text);
    alloc_format_path(&records[i].id, 0, path, sizeof path);
    char* element = std::strrchr(path, '[');
    if (element != nullptr) std::strchr(element, ']')[1] = '\0';
    std::printf("%s %s\n", element == nullptr ? "?" : element, text);
  }
}
