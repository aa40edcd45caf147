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
  explicit StringTable(const StringPool& pool) : pool_(pool), offset_of_(pool.size(), 0) {
    bytes_.push_back('\0');
  }

  void place(StringRef& text) {
    if (text == 0) return;
    std::uint32_t& offset = offset_of_[text];
    if (offset == 0) {
      offset = static_cast<std::uint32_t>(bytes_.size());
      const std::string_view view = pool_[text];
      bytes_.insert(bytes_.end(), view.begin(), view.end());
      bytes_.push_back('\0');
    }
    text = offset;
  }
  const std::vector<char>& bytes() const { return bytes_; }

 private:
  const StringPool& pool_;
  std::vector<std::uint32_t> offset_of_;
  std::vector<char> bytes_;
};

class ImageBytes {
 public:
  ImageBytes() : bytes_(sizeof(ImageHeader)) {}

  template <typename Record>
  void add(Table table, const std::vector<Record>& records) {
    bytes_.resize((bytes_.size() + 7) & ~std::size_t{7});
    TableEntry& entry = header.tables[static_cast<std::size_t>(table)];
    entry.offset = bytes_.size();
    entry.count = records.size();
    const auto* first = reinterpret_cast<const std::byte*>(records.data());
    bytes_.insert(bytes_.end(), first, first + records.size() * sizeof(Record));
  }

  // The sums of the pages go between the header and the tables, which move up.
  std::vector<std::byte> finish() {
    bytes_.resize((bytes_.size() + 7) & ~std::size_t{7});
    const std::uint64_t count = sums_for(bytes_.size());
    const std::uint64_t size = count * sizeof(std::uint64_t);
    bytes_.insert(bytes_.begin() + sizeof header, size, std::byte{0});
    for (TableEntry& table : header.tables) {
      if (table.offset != 0) table.offset += size;
    }
    header.tables[static_cast<std::size_t>(Table::page_sums)] = {sizeof header, count};
    header.size = bytes_.size();
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

  ImageBytes image;
  ImageHeader& header = image.header;
  StringRef object_path = model.strings.add(model.object_path);
  StringRef debug_path = model.strings.add(model.debug_path);
  StringTable strings{model.strings};
  const auto placed = [&](auto records, auto... fields) {
    for (auto& record : records) (strings.place(record.*fields), ...);
    return records;
  };
  const TypeTables& types = model.types.tables();
  image.add(Table::types,
            placed(types.types, &TypeRecord::name, &TypeRecord::human_name, &TypeRecord::file));
  image.add(Table::members, placed(types.members, &MemberRecord::name, &MemberRecord::alias));
  image.add(Table::enumerators, placed(types.enumerators, &EnumeratorRecord::name));
  image.add(Table::aliases, placed(model.types.aliases(), &AliasRecord::name));
  image.add(Table::names, name_index(model.types, model.strings));
  image.add(Table::segments, placed(model.segments, &RegionRecord::name));
  image.add(Table::sections, placed(model.sections, &RegionRecord::name));
  const auto put_statics = [&](Table table, const std::vector<StaticRecord>& statics) {
    image.add(table, placed(statics, &StaticRecord::name, &StaticRecord::linkage_name,
                            &StaticRecord::file));
  };
  put_statics(Table::statics, model.statics);
  put_statics(Table::tls, model.tls);
  image.add(Table::functions,
            placed(model.functions, &FunctionRecord::name, &FunctionRecord::unit));
  image.add(Table::variables, placed(model.variables, &VariableRecord::name));
  image.add(Table::locations, model.locations);
  image.add(Table::sites,
            placed(model.sites, &SiteRecord::callee, &SiteRecord::function, &SiteRecord::file));
  image.add(Table::containers, model.containers);
  image.add(Table::virtual_tables, placed(model.virtual_tables, &VirtualTableRecord::name));
  strings.place(object_path);
  strings.place(debug_path);
  image.add(Table::strings, strings.bytes());

  header.flags = model.flags;
  header.build_id_size =
      static_cast<std::uint32_t>(std::min(model.build_id.size(), header.build_id.size()));
  std::copy_n(model.build_id.begin(), header.build_id_size, header.build_id.begin());
  header.file_size = model.file_size;
  header.file_mtime_ns = model.file_mtime_ns;
  header.object_path = object_path;
  header.debug_path = debug_path;
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
