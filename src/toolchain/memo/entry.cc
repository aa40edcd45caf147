// SPDX-License-Identifier: Apache-2.0
#include "toolchain/memo/entry.h"

#include <algorithm>
#include <cstring>

#include "base/byte_reader.h"

namespace allocs::memo {

namespace {

constexpr std::string_view kFormat{"ALSMEMO\2", 8};
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

// The next `size` bytes; empty, and the reader has failed, if there are not so many.
std::string_view read_bytes(ByteReader& reader, std::uint64_t size) {
  const auto* begin = reinterpret_cast<const char*>(reader.position());
  reader.skip(size);
  return reader.ok() ? std::string_view(begin, size) : std::string_view{};
}

std::size_t place_of_text(std::size_t at) {
  return (at + kTextAlignment - 1) / kTextAlignment * kTextAlignment;
}

bool is_zero(std::string_view bytes) { return bytes.find_first_not_of('\0') == bytes.npos; }

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

// Four lanes that do not wait for each other: an entry may have megabytes.
Hash128 sum_of(std::string_view bytes) {
  constexpr std::size_t kLanes = 4, kBlock = kLanes * sizeof(std::uint64_t);
  constexpr std::uint64_t kFactor[kLanes] = {0x9E3779B97F4A7C15u, 0xD6E8FEB86659FD93u,
                                             0xA0761D6478BD642Fu, 0xE7037ED1A0B428DBu};
  std::uint64_t lane[kLanes] = {1, 2, 3, 4};
  Hasher hasher;
  hasher.add(bytes.size());
  for (; bytes.size() >= kBlock; bytes.remove_prefix(kBlock)) {
    std::uint64_t words[kLanes];
    std::memcpy(words, bytes.data(), kBlock);
    for (std::size_t i = 0; i < kLanes; ++i) {
      // Each step can be undone: no other word leads to the same lane.
      lane[i] = (lane[i] ^ words[i]) * kFactor[i];
      lane[i] ^= lane[i] >> 29;
    }
  }
  for (const std::uint64_t one : lane) hasher.add(one);
  hasher.add(bytes);
  return hasher.finish();
}

std::string encode(const Entry& entry) {
  std::string bytes{kFormat};
  put_hash(bytes, {});
  put_hash(bytes, entry.key);
  put_hash(bytes, entry.state);
  bytes += static_cast<char>(entry.has_succeeded);
  put_number(bytes, entry.dependencies.size());
  std::string_view last;
  for (const Dependency& dependency : entry.dependencies) {
    const std::string_view name = dependency.name;
    const auto shared =
        static_cast<std::size_t>(std::ranges::mismatch(last, name).in1 - last.begin());
    bytes += static_cast<char>(dependency.kind);
    put_number(bytes, shared);
    put_number(bytes, name.size() - shared);
    bytes += name.substr(shared);
    last = name;
  }
  put_number(bytes, entry.text.size());
  bytes.resize(place_of_text(bytes.size()));
  bytes += entry.text;
  bytes += '\0';
  const Hash128 sum = sum_of(std::string_view(bytes).substr(kSumEnd));
  std::memcpy(bytes.data() + kFormat.size(), &sum, sizeof(sum));
  return bytes;
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
  entry.has_succeeded = success == 1;
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
  const std::uint64_t size = reader.read_uleb();
  const std::size_t here = bytes.size() - reader.remaining();
  if (!is_zero(read_bytes(reader, place_of_text(here) - here))) return std::nullopt;
  entry.text = read_bytes(reader, size);
  if (!is_zero(read_bytes(reader, 1)) || !reader.at_end() || !reader.ok()) return std::nullopt;
  return entry;
}

}  // namespace allocs::memo
