// SPDX-License-Identifier: Apache-2.0
#include "types/write/image_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/write_all.h"

namespace allocs::types {

namespace {

// Gives each pool index that is used its place among the image's strings, in the order of first use.
class StringTable {
 public:
  explicit StringTable(const StringPool& pool) : pool_(pool), offset_of_(pool.size(), 0) {}

  void place(StringRef text) {
    if (text == 0 || offset_of_[text] != 0) return;
    offset_of_[text] = static_cast<std::uint32_t>(size_);
    size_ += pool_[text].size() + 1;
    texts_.push_back(text);
  }
  StringRef place_of(StringRef text) const { return offset_of_[text]; }
  std::size_t size() const { return size_; }

  void append_to(std::vector<std::byte>& bytes) const {
    bytes.push_back(std::byte{0});
    for (const StringRef text : texts_) {
      const auto view = std::as_bytes(std::span{pool_[text]});
      bytes.insert(bytes.end(), view.begin(), view.end());
      bytes.push_back(std::byte{0});
    }
  }

 private:
  const StringPool& pool_;
  std::vector<StringRef> offset_of_;
  std::vector<StringRef> texts_;  // in order
  std::size_t size_ = 1;          // the empty text is at 0
};

// Tables by and by, behind the header and the sums of the pages. How large all will be is known from the beginning: large images are not moved about.
class ImageBytes {
 public:
  explicit ImageBytes(std::size_t size_of_tables) {
    const std::size_t size = sizeof(ImageHeader) + aligned(size_of_tables);
    const std::uint64_t count = sums_for(size);
    header.tables[static_cast<std::size_t>(Table::page_sums)] = {sizeof header, count};
    header.size = size + count * sizeof(std::uint64_t);
    bytes_.reserve(header.size);
    bytes_.resize(sizeof header + count * sizeof(std::uint64_t));
  }

  static std::size_t aligned(std::size_t size) { return (size + 7) & ~std::size_t{7}; }

  void begin(Table table, std::size_t count) {
    bytes_.resize(aligned(bytes_.size()));
    header.tables[static_cast<std::size_t>(table)] = {bytes_.size(), count};
  }
  template <typename Record>
  void append(std::span<const Record> records) {
    const auto bytes = std::as_bytes(records);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void append(const StringTable& strings) { strings.append_to(bytes_); }

  std::vector<std::byte> finish() {
    bytes_.resize(header.size);
    std::memcpy(bytes_.data(), &header, sizeof header);
    seal_image(reinterpret_cast<unsigned char*>(bytes_.data()));
    return std::move(bytes_);
  }

  ImageHeader header;

 private:
  std::vector<std::byte> bytes_;
};

// Of two in order.
bool begins_in_and_leaves(const StaticRecord& record, const StaticRecord& before) {
  const std::uint64_t into = record.address - before.address;
  return into < before.size && record.size > before.size - into;
}

void sort_and_nest(std::vector<StaticRecord>& statics, const StringPool& strings) {
  std::stable_sort(statics.begin(), statics.end(),
                   [&](const StaticRecord& a, const StaticRecord& b) {
                     if (a.address != b.address) return a.address < b.address;
                     if (a.size != b.size) return a.size > b.size;
                     return strings[a.name] < strings[b.name];
                   });
  std::vector<std::uint32_t> open;
  for (std::uint32_t index = 0; index < statics.size(); ++index) {
    StaticRecord& record = statics[index];
    while (!open.empty() &&
           record.address - statics[open.back()].address >= statics[open.back()].size) {
      open.pop_back();
    }
    record.enclosing = open.empty() ? kNoRecord : open.back();
    for (const std::uint32_t other : open) {
      if (!begins_in_and_leaves(record, statics[other])) continue;
      record.flags |= kStaticSharesBytes;
      statics[other].flags |= kStaticSharesBytes;
    }
    open.push_back(index);
  }
}

std::vector<NameRecord> name_index(const TypeGraph& graph, const StringPool& strings) {
  std::vector<NameRecord> names;
  for (TypeIndex index = 0; index < graph.size(); ++index) {
    names.push_back({name_hash(strings[graph[index].name]), index});
  }
  for (const AliasRecord& alias : graph.aliases())
    names.push_back({name_hash(strings[alias.name]), alias.type});
  const auto key = [](const NameRecord& name) { return std::pair{name.hash, name.type}; };
  std::sort(names.begin(), names.end(),
            [&](const auto& a, const auto& b) { return key(a) < key(b); });
  const auto last = std::unique(names.begin(), names.end(),
                                [&](const auto& a, const auto& b) { return key(a) == key(b); });
  names.erase(last, names.end());
  return names;
}

std::string failed(const std::filesystem::path& path, const char* what) {
  return fmt::format("{}: {}: {}", path.string(), what, std::strerror(errno));
}

}  // namespace

std::vector<std::byte> encode_image(ObjectModel& model) {
  sort_and_nest(model.statics, model.strings);
  sort_and_nest(model.tls, model.strings);
  std::stable_sort(model.sites.begin(), model.sites.end(), [](const auto& a, const auto& b) {
    return a.return_address < b.return_address;
  });
  // Records are in their final order; what follows only copies them.

  const StringRef object_path = model.strings.add(model.object_path);
  const StringRef debug_path = model.strings.add(model.debug_path);
  const std::vector<NameRecord> names = name_index(model.types, model.strings);
  // All tables but the strings, and which of their fields are texts.
  const auto for_each_table = [&](auto visit) {
    const TypeTables& types = model.types.tables();
    visit(Table::types, types.types, &TypeRecord::name, &TypeRecord::human_name, &TypeRecord::file);
    visit(Table::members, types.members, &MemberRecord::name, &MemberRecord::alias);
    visit(Table::enumerators, types.enumerators, &EnumeratorRecord::name);
    visit(Table::aliases, model.types.aliases(), &AliasRecord::name);
    visit(Table::names, names);
    visit(Table::segments, model.segments, &RegionRecord::name);
    visit(Table::sections, model.sections, &RegionRecord::name);
    for (const auto& [table, statics] :
         {std::pair{Table::statics, &model.statics}, {Table::tls, &model.tls}}) {
      visit(table, *statics, &StaticRecord::name, &StaticRecord::linkage_name, &StaticRecord::file);
    }
    visit(Table::functions, model.functions, &FunctionRecord::name, &FunctionRecord::unit);
    visit(Table::variables, model.variables, &VariableRecord::name);
    visit(Table::locations, model.locations);
    visit(Table::sites, model.sites, &SiteRecord::callee, &SiteRecord::function, &SiteRecord::file);
    visit(Table::containers, model.containers);
    visit(Table::virtual_tables, model.virtual_tables, &VirtualTableRecord::name);
  };

  StringTable strings{model.strings};
  std::size_t size = 0;
  for_each_table([&](Table, const auto& records, auto... fields) {
    size += ImageBytes::aligned(std::as_bytes(std::span{records}).size());
    for (const auto& record : records) (strings.place(record.*fields), ...);
  });
  strings.place(object_path);
  strings.place(debug_path);

  ImageBytes image{size + strings.size()};
  for_each_table(
      [&]<typename Record>(Table table, const std::vector<Record>& records, auto... fields) {
        image.begin(table, records.size());
        if constexpr (sizeof...(fields) == 0) {
          image.append(std::span{records});
        } else {
          for (Record record : records) {
            ((record.*fields = strings.place_of(record.*fields)), ...);
            image.append(std::span<const Record>{&record, 1});
          }
        }
      });
  image.begin(Table::strings, strings.size());
  image.append(strings);

  ImageHeader& header = image.header;
  header.flags = model.flags;
  header.build_id_size =
      static_cast<std::uint32_t>(std::min(model.build_id.size(), header.build_id.size()));
  std::copy_n(model.build_id.begin(), header.build_id_size, header.build_id.begin());
  header.file_size = model.file_size;
  header.file_mtime_ns = model.file_mtime_ns;
  header.object_path = strings.place_of(object_path);
  header.debug_path = strings.place_of(debug_path);
  return image.finish();
}

namespace {

// By a file that has no name until all is written, so that nothing is left of a process that ends in the middle. False where the file system
// knows no such thing, or anything else is in the way.
bool store_nameless(const std::filesystem::path& folder, const std::filesystem::path& path,
                    std::span<const std::byte> image) {
  const int fd = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const std::string by_number = fmt::format("/proc/self/fd/{}", fd);
  const auto give_name = [&](const std::filesystem::path& name) {
    return ::linkat(AT_FDCWD, by_number.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
  };
  bool is_stored = false;
  if (write_all(fd, image)) {
    is_stored = give_name(path);
    if (!is_stored && errno == EEXIST) {
      // What is there can be renamed over only, so the file has another name for a moment.
      const std::string temporary = (folder / fmt::format(".allocs-{}", ::getpid())).string();
      ::unlink(temporary.c_str());
      is_stored = give_name(temporary) && ::rename(temporary.c_str(), path.c_str()) == 0;
      if (!is_stored) ::unlink(temporary.c_str());
    }
  }
  ::close(fd);
  return is_stored;
}

}  // namespace

std::string store_image(const std::filesystem::path& path, std::span<const std::byte> image) {
  std::error_code error;
  if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error)) {
    // A device or a pipe is written to. It must not be exchanged for a file.
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    const bool is_written = fd >= 0 && write_all(fd, image);
    const std::string problem = is_written ? "" : failed(path, "cannot write");
    if (fd >= 0) ::close(fd);
    return problem;
  }
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  std::filesystem::create_directories(folder, error);
  if (error)
    return fmt::format("{}: cannot make the directory: {}", folder.string(), error.message());
  if (store_nameless(folder, path, image)) return {};
  std::string temporary = (folder / ".allocs-XXXXXX").string();
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);  // mode 0600
  if (fd < 0) return failed(folder, "cannot write here");
  std::string problem = write_all(fd, image) ? "" : failed(temporary, "cannot write");
  if (::close(fd) != 0 && problem.empty()) problem = failed(temporary, "cannot write");
  if (problem.empty() && ::rename(temporary.c_str(), path.c_str()) != 0)
    problem = failed(path, "cannot rename to");
  if (!problem.empty()) ::unlink(temporary.c_str());
  return problem;
}

}  // namespace allocs::types
