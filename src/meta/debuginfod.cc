// SPDX-License-Identifier: Apache-2.0
#include "meta/debuginfod.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace allocs::meta {

// The functions of debuginfod.h that are used; its SONAME vouches for their types.
struct Debuginfod::Library {
  void* (*begin)();
  void (*end)(void* client);
  int (*find_debuginfo)(void* client, const unsigned char* build_id, int size, char** path);
  void (*set_progressfn)(void* client, int (*progress)(void* client, long done, long total));
  void (*set_user_data)(void* client, void* data);
  void* (*get_user_data)(void* client);
  const char* (*get_url)(void* client);
  bool is_whole = false;

  static const Library& instance() {
    static const Library library = [] {
      Library one{};
      void* handle = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);
      if (handle == nullptr) return one;
      one.is_whole = true;
      const auto take = [&](const char* name, auto& function) {
        function =
            reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, name));
        if (function == nullptr) one.is_whole = false;
      };
      take("debuginfod_begin", one.begin);
      take("debuginfod_end", one.end);
      take("debuginfod_find_debuginfo", one.find_debuginfo);
      take("debuginfod_set_progressfn", one.set_progressfn);
      take("debuginfod_set_user_data", one.set_user_data);
      take("debuginfod_get_user_data", one.get_user_data);
      take("debuginfod_get_url", one.get_url);
      return one;
    }();
    return library;
  }
};

Debuginfod::~Debuginfod() {
  if (client_ != nullptr) library_->end(client_);
}

bool Debuginfod::is_wanted() {
  const char* urls = std::getenv("DEBUGINFOD_URLS");
  return urls != nullptr && urls[std::strspn(urls, " \t\n")] != '\0';
}

void Debuginfod::give_up(const std::string& why) {
  has_given_up_ = true;
  listener_.gave_up(why);
}

bool Debuginfod::open() {
  if (client_ != nullptr) return true;
  library_ = &Library::instance();
  if (!library_->is_whole) {
    give_up("DEBUGINFOD_URLS is set, but libdebuginfod.so.1 is not installed");
    return false;
  }
  client_ = library_->begin();
  if (client_ == nullptr) {
    give_up("libdebuginfod cannot be used: out of memory");
    return false;
  }
  library_->set_user_data(client_, this);
  library_->set_progressfn(client_, [](void* client, long done, long total) {
    const Library& library = Library::instance();
    auto& self = *static_cast<Debuginfod*>(library.get_user_data(client));
    self.listener_.fetching(self.object_, library.get_url(client), done, total);
    return 0;  // go on
  });
  return true;
}

std::optional<std::filesystem::path> Debuginfod::find(std::span<const std::uint8_t> build_id,
                                                      const std::string& object) {
  constexpr std::size_t kLongestId = 64;
  if (has_given_up_ || !is_wanted() || build_id.empty() || build_id.size() > kLongestId || !open())
    return std::nullopt;
  object_ = object;
  char* path = nullptr;
  const int found =
      library_->find_debuginfo(client_, build_id.data(), static_cast<int>(build_id.size()), &path);
  if (found < 0) {
    if (found != -ENOENT)
      give_up(std::string{"debuginfod cannot be asked: "} + std::strerror(-found));
    return std::nullopt;
  }
  ::close(found);
  const std::unique_ptr<char, decltype(&std::free)> owned{path, std::free};
  return path == nullptr ? std::nullopt : std::optional<std::filesystem::path>{path};
}

}  // namespace allocs::meta
