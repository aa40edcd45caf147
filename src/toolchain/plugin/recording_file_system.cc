// SPDX-License-Identifier: Apache-2.0
#include "toolchain/plugin/recording_file_system.h"

#include <llvm/Support/Chrono.h>

namespace allocs::plugin {

namespace {

using llvm::Twine;
using llvm::vfs::Status;

memo::FileSight sight_of(const Status& status) {
  const auto since_1970 = status.getLastModificationTime().time_since_epoch();
  return {.exists = true,
          .is_directory = status.isDirectory(),
          .device = status.getUniqueID().getDevice(),
          .inode = status.getUniqueID().getFile(),
          .size = status.getSize(),
          .mtime_ns = static_cast<std::uint64_t>(
              std::chrono::duration_cast<std::chrono::nanoseconds>(since_1970).count())};
}

// A file that cannot be read, although it is there, may be readable the next time.
class RecordingFile : public llvm::vfs::File {
 public:
  RecordingFile(std::unique_ptr<llvm::vfs::File> file, memo::DependencyRecord& record)
      : file_(std::move(file)), record_(record) {}

  llvm::ErrorOr<Status> status() override { return file_->status(); }
  llvm::ErrorOr<std::string> getName() override { return file_->getName(); }
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> getBuffer(const Twine& name, std::int64_t size,
                                                               bool wants_nul,
                                                               bool is_volatile) override {
    auto buffer = file_->getBuffer(name, size, wants_nul, is_volatile);
    if (!buffer) record_.give_up();
    return buffer;
  }
  std::error_code close() override { return file_->close(); }

 private:
  std::unique_ptr<llvm::vfs::File> file_;
  memo::DependencyRecord& record_;
};

class RecordingFileSystem : public llvm::vfs::ProxyFileSystem {
 public:
  explicit RecordingFileSystem(memo::DependencyRecord& record)
      : ProxyFileSystem(llvm::vfs::getRealFileSystem()), record_(record) {}

  llvm::ErrorOr<Status> status(const Twine& path) override {
    auto status = ProxyFileSystem::status(path);
    saw(path, status);
    return status;
  }

  bool exists(const Twine& path) override { return static_cast<bool>(status(path)); }

  llvm::ErrorOr<std::unique_ptr<llvm::vfs::File>> openFileForRead(const Twine& path) override {
    auto file = ProxyFileSystem::openFileForRead(path);
    if (!file) {
      saw(path, file.getError());
      return file;
    }
    saw(path, (*file)->status());
    return std::make_unique<RecordingFile>(std::move(*file), record_);
  }

  llvm::vfs::directory_iterator dir_begin(const Twine& path, std::error_code& error) override {
    record_.listed(path.str());
    return ProxyFileSystem::dir_begin(path, error);
  }

  std::error_code getRealPath(const Twine& path, llvm::SmallVectorImpl<char>& output) override {
    record_.resolved(path.str());
    return ProxyFileSystem::getRealPath(path, output);
  }

  // Paths that are not absolute mean something else from now on.
  std::error_code setCurrentWorkingDirectory(const Twine& path) override {
    record_.give_up();
    return ProxyFileSystem::setCurrentWorkingDirectory(path);
  }

 private:
  void saw(const Twine& path, const llvm::ErrorOr<Status>& status) {
    llvm::SmallString<256> text;
    const llvm::StringRef name = path.toStringRef(text);
    if (status) {
      record_.saw_file({name.data(), name.size()}, sight_of(*status));
    } else if (status.getError() == std::errc::no_such_file_or_directory ||
               status.getError() == std::errc::not_a_directory) {
      record_.saw_file({name.data(), name.size()}, {});
    } else {
      record_.give_up();
    }
  }

  memo::DependencyRecord& record_;
};

}  // namespace

llvm::IntrusiveRefCntPtr<llvm::vfs::FileSystem> recording_file_system(
    memo::DependencyRecord& record) {
  return llvm::makeIntrusiveRefCnt<RecordingFileSystem>(record);
}

}  // namespace allocs::plugin
