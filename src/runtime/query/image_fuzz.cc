// SPDX-License-Identifier: Apache-2.0
// A metadata image, damaged, with sums that fit the damage. All that queries ask of an image is asked: each question ends, in bounded memory, and
// reads nothing but the image.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "base/fuzz_mutate.h"
#include "runtime/query/frame_layout.h"
#include "types/covering.h"
#include "types/describe.h"
#include "types/elements.h"
#include "types/pointer_fields.h"
#include "types/word_content.h"

namespace {

using namespace allocs;

constexpr std::size_t kMostTypes = 300, kMostElements = 200, kExtent = 512;

// Given back at the end of a run.
std::vector<void*> g_taken;
std::size_t g_size = 0;
void* take(std::size_t size) {
  constexpr std::size_t kMost = std::size_t{64} << 20;
  if (size > kMost - g_size) return nullptr;
  g_size += size;
  return g_taken.emplace_back(std::calloc(1, size));
}
void give_all_back() {
  for (void* each : g_taken) std::free(each);
  g_taken.clear();
  g_size = 0;
}

void ask_about_type(const uniqtype& type) {
  char text[256];
  TextWriter out(text, sizeof text);
  types::put_human_name(out, &type);
  types::put_symbol_name(out, &type);
  const auto no_rows = [](unsigned) { return std::uint64_t{0}; };
  types::Subobject found;
  std::size_t visits = 0;
  for (std::uint64_t at = 0; at < kExtent; at += 7) {
    types::subobject_at(type, kExtent, at, found);
    (void)types::pointer_field_at(&type, kExtent, at);
  }
  types::for_each_pointer_field(&type, Address{}, kExtent,
                                [&](Address, const uniqtype&) { return ++visits < kExtent; });
  types::for_each_covering(
      type, kExtent, 13, -1, no_rows,
      [&](const types::Subobject&, std::uint64_t, unsigned) { return ++visits < 2 * kExtent; });
  types::WordContent content;
  content.add(type, {Address{4096}, Address{4096 + kExtent}}, Address{4096 + 16}, no_rows);
}

void ask_about_containers(const types::Image& image, types::TypeIndex index) {
  const auto rules = image.find_containers(index);
  if (rules.empty()) return;
  // Words that lead around in it.
  std::vector<std::uint64_t> words(kExtent);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = 4096 + (i * 104 % kExtent) * 8;
  const SpanMemory memory(Address{4096}, reinterpret_cast<const std::byte*>(words.data()),
                          words.size() * sizeof words[0]);
  types::ElementCursor cursor;
  types::ElementWalk<SpanMemory> walk(memory, cursor);
  if (walk.begin(rules, 4096 + 64) != ALLOC_OK) return;
  types::Element element;
  for (std::size_t i = 0; i < kMostElements && walk.next(element) == 1; ++i) {
  }
}

void ask_about_records(const types::Image& image, types::Table table) {
  for (const auto& record : image.table<types::StaticRecord>(table)) {
    for (const std::uint64_t at : {record.address, record.address + record.size - 1}) {
      if (table == types::Table::tls) {
        (void)image.find_tls(at);
      } else {
        (void)image.find_static(at);
      }
    }
    (void)image.first_static_from(table, record.address + 1);
    (void)image.enclosing(table, record);
    (void)image.containing(table, record);
    (void)std::strlen(image.text(record.name));
  }
}

void ask_about_function(const query::TypeMaker& types, const query::Object& object,
                        const types::FunctionRecord& function) {
  char text[256];
  (void)object.image->find_function(function.low + function.length / 2);
  for (const auto& variable : object.image->variables_of(function))
    (void)std::strlen(object.image->text(variable.name));
  for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{function.length} / 2}) {
    const auto layout = query::frame_layout(*object.image, function, function.low + at,
                                            {.sp = -64, .fp = -16, .has_fp = true});
    TextWriter out(text, sizeof text);
    query::put_frame_name(out, *object.image, function, layout);
    query::frame_type(types, object, function, layout);
  }
}

void ask(const std::byte* bytes, std::size_t size) {
  query::Object object;
  object.image = types::Image::open(bytes, size);
  if (!object.image) return;
  const types::Image& image = *object.image;
  (void)image.content_is_intact();
  const std::size_t count = std::min<std::size_t>(image.types().size(), 1 << 16);
  std::vector<std::atomic<uniqtype*>> slots(count);
  object.slots = slots;
  const auto interner = std::make_unique<types::Interner>();
  interner->open({.allocate = take});
  const types::ScratchMemory scratch{.take = take, .give_back = [](void*, std::size_t) {}};
  const query::TypeMaker types{.interner = interner.get(), .scratch = scratch, .may_make = true};
  for (std::size_t i = 0; i < std::min(count, kMostTypes); ++i) {
    const auto index = static_cast<types::TypeIndex>(i);
    const types::TypeRecord* const record = image.type(index);
    for (const auto& member : image.members_of(*record)) (void)std::strlen(image.text(member.name));
    for (const auto& each : image.enumerators_of(*record)) (void)std::strlen(image.text(each.name));
    image.find_types_named(image.text(record->name), [](types::TypeIndex) { return false; });
    if (const uniqtype* const type = types.type(object, index)) ask_about_type(*type);
    ask_about_containers(image, index);
  }
  ask_about_records(image, types::Table::statics);
  ask_about_records(image, types::Table::tls);
  for (const auto& function : image.table<types::FunctionRecord>(types::Table::functions))
    ask_about_function(types, object, function);
  for (const auto& site : image.table<types::SiteRecord>(types::Table::sites))
    (void)image.find_site(site.return_address);
  for (const auto& record : image.table<types::VirtualTableRecord>(types::Table::virtual_tables))
    (void)image.find_virtual_table(record.address);
  for (const auto table : {types::Table::segments, types::Table::sections}) {
    for (const auto& region : image.table<types::RegionRecord>(table)) {
      (void)image.find_region(table, region.address);
      (void)image.first_region_from(table, region.address + 1);
    }
  }
}

bool has_header(const std::uint8_t* bytes, std::size_t size, types::ImageHeader& header) {
  if (size < sizeof header) return false;
  std::memcpy(&header, bytes, sizeof header);
  return header.magic == types::kImageMagic && header.version == types::kImageVersion;
}

// Can sums be put into it without writing elsewhere?
bool may_seal(const types::ImageHeader& header, std::size_t size) {
  const auto& sums = header.tables[static_cast<std::size_t>(types::Table::page_sums)];
  return header.size == size && sums.offset <= size && sums.offset % sizeof(std::uint64_t) == 0 &&
         sums.count <= (size - sums.offset) / sizeof(std::uint64_t);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::vector<std::uint64_t> words((size + 7) / 8);
  if (size != 0) std::memcpy(words.data(), bytes, size);
  // Of no more than that, so that who reads behind it is found.
  auto* const image = reinterpret_cast<unsigned char*>(words.data());
  ask(reinterpret_cast<const std::byte*>(image), size);
  types::ImageHeader header;
  if (has_header(bytes, size, header) && may_seal(header, size)) {
    types::seal_image(image);
    ask(reinterpret_cast<const std::byte*>(image), size);
  }
  give_all_back();
  return 0;
}

// A stretch of a table, chosen first, so that small ones get their share; sometimes of the header.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* bytes, std::size_t size,
                                               std::size_t most, unsigned seed) {
  std::minstd_rand random(seed);
  types::ImageHeader header;
  if (!has_header(bytes, size, header) || random() % 32 == 0)
    return LLVMFuzzerMutate(bytes, size, most);
  std::size_t begin = 0, length = sizeof header;
  if (random() % 8 != 0) {
    const std::size_t which = random() % types::kTableCount;
    begin = header.tables[which].offset;
    length = which + 1 < types::kTableCount && header.tables[which + 1].offset > begin
                 ? header.tables[which + 1].offset - begin
                 : std::size_t{header.tables[which].count};
  }
  if (begin >= size || length == 0) return LLVMFuzzerMutate(bytes, size, most);
  length = std::min(length, size - begin);
  const std::size_t stretch = std::min<std::size_t>(length, 1 + random() % 32);
  const std::size_t at = begin + random() % (length - stretch + 1);
  LLVMFuzzerMutate(bytes + at, stretch, stretch);
  return size;
}
