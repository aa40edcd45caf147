// SPDX-License-Identifier: Apache-2.0
#include "meta/site_lists.h"

#include <charconv>

namespace allocs::meta {

namespace {

using Field = types::SiteListField;
using HeaderField = types::SiteListHeaderField;

constexpr std::size_t kFieldCount = static_cast<std::size_t>(Field::count_);
constexpr std::size_t kHeaderFieldCount = static_cast<std::size_t>(HeaderField::count_);

constexpr std::string_view kFirstWords = "allocs-sites\t1\t";
static_assert(kFirstWords.starts_with(types::kSiteListMagic));

// False if `text` is not a decimal number, and nothing else.
template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

class SiteLine {
 public:
  explicit SiteLine(std::string_view line)
      : fields_(types::split_site_list_line<kFieldCount>(line)) {}

  std::optional<ListedSite> read() const {
    ListedSite site;
    site.function = text(Field::function);
    site.file = text(Field::file);
    site.callee = text(Field::callee);
    if (!read_number(raw(Field::line), site.line) || !read_number(raw(Field::column), site.column))
      return std::nullopt;
    if (!raw(Field::kind).empty()) {
      site.kind = types::parse_site_kind(raw(Field::kind));
      if (!site.kind) return std::nullopt;
    }
    const bool is_good =
        read_type(site.type, Field::type, Field::type_size, Field::type_file, Field::type_line) &&
        read_type(site.tail, Field::tail, Field::tail_size, Field::tail_file, Field::tail_line);
    if (!is_good || !read_others(site.others)) return std::nullopt;
    if (!raw(Field::bytes).empty() && !read_number(raw(Field::bytes), site.bytes.emplace()))
      return std::nullopt;
    return site;
  }

 private:
  std::string_view raw(Field field) const { return fields_[static_cast<std::size_t>(field)]; }
  std::string text(Field field) const { return types::unescape_site_list_field(raw(field)); }

  bool read_type(ListedType& type, Field name, Field size, Field file, Field line) const {
    type.name = text(name);
    type.file = text(file);
    return (raw(size).empty() || read_number(raw(size), type.size)) &&
           (raw(line).empty() || read_number(raw(line), type.line));
  }

  // Four fields for each.
  bool read_others(std::vector<ListedType>& others) const {
    constexpr std::size_t kCount = static_cast<std::size_t>(types::SiteListTypeField::count_);
    const std::string fields = text(Field::others);
    std::string_view rest = fields;
    while (!rest.empty()) {
      const auto one = types::split_site_list_line<kCount>(rest);
      ListedType type;
      type.name = types::unescape_site_list_field(one[0]);
      type.file = types::unescape_site_list_field(one[2]);
      if (!read_number(one[1], type.size) || !read_number(one[3], type.line)) return false;
      others.push_back(std::move(type));
      const auto end = static_cast<std::size_t>(one[3].data() + one[3].size() - rest.data());
      rest.remove_prefix(std::min(rest.size(), end + 1));
    }
    return true;
  }

  std::array<std::string_view, kFieldCount> fields_;
};

class SiteListReader {
 public:
  SiteListReader(const std::string& path, Diagnostics& diag) : path_(path), diag_(diag) {}

  std::vector<SiteList> read(std::string_view section) {
    std::uint64_t offset = 0;
    while (offset < section.size()) {
      if (section[offset] == '\0') {
        ++offset;
        continue;
      }
      const std::size_t end = section.find_first_of(std::string_view{"\n\0", 2}, offset);
      const bool is_whole = end != section.npos && section[end] == '\n';
      if (is_whole) read_line(section.substr(offset, end - offset), offset);
      offset = end == section.npos ? section.size() : end + 1;
      if (!is_whole) give_up("was cut", offset);
    }
    if (is_open_) give_up("was cut", offset);
    return std::move(lists_);
  }

 private:
  void read_line(std::string_view line, std::uint64_t offset) {
    // Where a chunk was cut in the middle of a line, the next one begins in the middle of a line.
    if (const std::size_t start = line.find(kFirstWords); start != line.npos && start != 0) {
      give_up("was cut", offset);
      line.remove_prefix(start);
    }
    const std::string_view word = line.substr(0, line.find('\t'));
    if (word == types::kSiteListMagic) {
      if (is_open_) give_up("was cut", offset);
      open(line);
    } else if (!is_open_) {
      return;
    } else if (word == types::kSiteListSite) {
      auto site = SiteLine{line}.read();
      if (!site) return give_up("has a line that cannot be understood", offset);
      list_.sites.push_back(std::move(*site));
    } else if (word == types::kSiteListEnd) {
      close(line, offset);
    }
  }

  void open(std::string_view line) {
    const auto fields = types::split_site_list_line<kHeaderFieldCount>(line);
    const auto raw = [&](HeaderField field) { return fields[static_cast<std::size_t>(field)]; };
    if (raw(HeaderField::version) != types::kSiteListVersion) return;
    list_ = {types::unescape_site_list_field(raw(HeaderField::unit)),
             types::unescape_site_list_field(raw(HeaderField::directory)),
             {}};
    is_open_ = true;
  }

  void close(std::string_view line, std::uint64_t offset) {
    std::size_t count = 0;
    const auto fields = types::split_site_list_line<2>(line);
    if (!read_number(fields[1], count) || count != list_.sites.size())
      return give_up("lacks some of its lines", offset);
    lists_.push_back(std::move(list_));
    is_open_ = false;
  }

  void give_up(const char* what, std::uint64_t offset) {
    if (!is_open_) return;
    is_open_ = false;
    diag_.warning(path_, "the site list of " + list_.unit + " " + what + " and is left out",
                  offset);
  }

  const std::string& path_;
  Diagnostics& diag_;
  std::vector<SiteList> lists_;
  SiteList list_;
  bool is_open_ = false;
};

}  // namespace

const Section* site_list_section(const ObjectFiles& files) {
  for (const ElfFile* file : {files.object.get(), files.debug.get()}) {
    if (file == nullptr) continue;
    const Section* section = file->section(types::kSiteListSection);
    if (section != nullptr && !section->bytes.empty()) return section;
  }
  return nullptr;
}

std::vector<SiteList> read_site_lists(std::string_view section, const std::string& path,
                                      Diagnostics& diag) {
  return SiteListReader{path, diag}.read(section);
}

}  // namespace allocs::meta
