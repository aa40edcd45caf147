// SPDX-License-Identifier: Apache-2.0
#include "toolchain/memo/entry.h"

#include <algorithm>
#include <cstring>

#include "base/byte_reader.h"

namespace allocs::memo {

namespace {

constexpr std::string_view kFormat{"ALSMEMO\1", 8};
constexpr std::size_t kSumEnd = kFormat.size() + sizeof(Hash128);

// Of the names together: a few bytes can stand for many long names.
constexpr std::size_t kMostNameBytes = std::size_t{16} << 20;

void put_number(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void put_hash(std::string& out, const Hash128& hash) {
  char bytes[sizeof(hash)];
  std::memcpy(bytes, &hash, sizeof(hash));
  out.append(bytes, sizeof(bytes));
}

Hash128 sum_of(std::string_view bytes) {
  Hasher hasher;
  hasher.add(bytes);
  return hasher.finish();
}

// The next `size` bytes; empty, and the reader has failed, if there are not so many.
std::string_view read_bytes(ByteReader& reader, std::uint64_t size) {
  const auto* begin = reinterpret_cast<const char*>(reader.position());
  reader.skip(size);
  return reader.ok() ? std::string_view(begin, size) : std::string_view{};
}

bool read_dependency(ByteReader& reader, std::string_view last, Dependency& dependency) {
  const auto kind = reader.read<std::uint8_t>();
  const std::uint64_t shared = reader.read_uleb();
  const std::string_view rest = read_bytes(reader, reader.read_uleb());
  if (!reader.ok() || kind >= static_cast<std::uint8_t>(DependencyKind::count_) ||
      shared > last.size())
    return false;
  dependency.kind = static_cast<DependencyKind>(kind);
  dependency.name.assign(last.substr(0, shared)).append(rest);
  return dependency.name.find('\0') == dependency.name.npos;
}

}  // namespace

std::string encode(const Entry& entry) {
  std::string body;
  put_hash(body, entry.key);
  put_hash(body, entry.state);
  body += static_cast<char>(entry.outcome.has_succeeded);
  put_number(body, entry.outcome.text.size());
  body += entry.outcome.text;
  put_number(body, entry.dependencies.size());
  std::string_view last;
  for (const Dependency& dependency : entry.dependencies) {
    const std::string_view name = dependency.name;
    const auto shared =
        static_cast<std::size_t>(std::ranges::mismatch(last, name).in1 - last.begin());
    body += static_cast<char>(dependency.kind);
    put_number(body, shared);
    put_number(body, name.size() - shared);
    body += name.substr(shared);
    last = name;
  }
  std::string bytes{kFormat};
  put_hash(bytes, sum_of(body));
  return bytes + body;
}

std::optional<Entry> decode(std::string_view bytes) {
  if (bytes.size() < kSumEnd || !bytes.starts_with(kFormat)) return std::nullopt;
  ByteReader reader(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
  reader.skip(kFormat.size());
  if (reader.read<Hash128>() != sum_of(bytes.substr(kSumEnd))) return std::nullopt;
  Entry entry;
  entry.key = reader.read<Hash128>();
  entry.state = reader.read<Hash128>();
  const auto success = reader.read<std::uint8_t>();
  entry.outcome.has_succeeded = success == 1;
  entry.outcome.text = read_bytes(reader, reader.read_uleb());
  const std::uint64_t count = reader.read_uleb();
  // Each takes three bytes at least.
  if (!reader.ok() || success > 1 || count > reader.remaining() / 3) return std::nullopt;
  entry.dependencies.resize(count);
  std::string_view last;
  std::size_t name_bytes = 0;
  for (Dependency& dependency : entry.dependencies) {
    if (!read_dependency(reader, last, dependency)) return std::nullopt;
    last = dependency.name;
    name_bytes += last.size();
    if (name_bytes > kMostNameBytes) return std::nullopt;
  }
  return reader.at_end() ? std::optional(std::move(entry)) : std::nullopt;
}

}  // namespace allocs::memo
