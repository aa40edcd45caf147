// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "meta/machine_code.h"

// Values as a function computes them, in terms of what it cannot know: what its registers held when it was entered, what calls
// returned, what memory held.
namespace allocs::meta {

using AtomId = std::uint32_t;
inline constexpr AtomId kConstant = 0;      // the atom of plain numbers
inline constexpr AtomId kFrameAddress = 1;  // the canonical frame address
inline constexpr AtomId kAnything =
    2;  // what a called function leaves in a register: of no use to anybody

// factor * atom + addend. Small, because a function has many.
struct Value {
  AtomId atom = kConstant;
  std::int32_t factor = 0;
  std::int64_t addend = 0;

  static constexpr Value constant(std::int64_t n) { return {kConstant, 0, n}; }
  static constexpr Value of(AtomId atom) { return {atom, 1, 0}; }
  // Nothing if the factor is none that sizes have.
  static constexpr std::optional<Value> of(AtomId atom, std::int64_t factor, std::int64_t addend) {
    if (factor == 0) return constant(addend);
    const auto small = static_cast<std::int32_t>(factor);
    return small == factor ? std::optional{Value{atom, small, addend}} : std::nullopt;
  }
  static Value in_frame(std::int64_t offset) { return {kFrameAddress, 1, offset}; }

  constexpr bool is_constant() const { return atom == kConstant; }
  bool is_in_frame() const { return atom == kFrameAddress && factor == 1; }
  bool is_atom() const { return atom != kConstant && factor == 1 && addend == 0; }
  friend constexpr bool operator==(const Value& a, const Value& b) {
    using Bits = unsigned __int128;
    return std::bit_cast<Bits>(a) == std::bit_cast<Bits>(b);
  }
};

// Arithmetic as the machine does it: modulo 2^64.
constexpr std::int64_t plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
constexpr std::int64_t times(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}
constexpr std::optional<Value> scaled(const Value& v, std::int64_t n) {
  return Value::of(v.atom, times(v.factor, n), times(v.addend, n));
}

// A memory operand with the values that its registers had.
struct Access {
  MemoryPlace place;
  std::uint8_t size = 0;  // bytes
  std::uint64_t pc = 0;   // of the instruction
  Value base;
  Value index;

  // From the canonical frame address, if it is a fixed place in the frame.
  std::optional<std::int64_t> frame_offset() const {
    const bool is_there = place.known && base.is_in_frame() && place.index == Register::none;
    return is_there ? std::optional{plus(base.addend, place.displacement)} : std::nullopt;
  }
};

enum class AtomKind : std::uint8_t {
  constant,
  frame,
  entry,  // what register `where` held when the function was entered
  opaque,  // what the instruction before `pc` put in `where`; computed from `sources` if there are any
  result,  // what the call that returns to `pc` returned; of a call through a pointer, `sources` has the first argument
  load,    // what memory held at its access
  sum,     // sources[0] + sources[1]
  product,  // sources[0] * sources[1]
  choice,   // one of the sources, depending on the way taken to `pc`
};

// Of a choice with so many sources there may be more that are not known.
inline constexpr std::size_t kMostSources = 16;

// `where` is a register's number, or, for a choice, kSlotBase plus an offset from the canonical frame address.
inline constexpr std::int32_t kSlotBase = 1 << 30;
inline constexpr std::int64_t kFarthestSlot = 1 << 29;  // bytes, of those that are followed

struct Atom {
  AtomKind kind = AtomKind::constant;
  std::uint8_t source_count = 0;
  std::uint8_t source_room = 0;  // for so many there is room where its sources are
  std::int32_t where = 0;
  std::uint32_t sources = 0;  // see AtomTable::sources_of
  std::uint32_t access = 0;   // of a load: see AtomTable::access_of
  std::uint64_t pc = 0;
};

// All atoms of one function. The same (kind, pc, where) gives the same atom, so evaluating an instruction again changes at most
// what its atom is made of, and the number of atoms is bounded by the code.
class AtomTable {
 public:
  AtomTable() : atoms_(3) {
    atoms_[kFrameAddress].kind = AtomKind::frame;
    atoms_[kAnything].kind = AtomKind::opaque;
    atoms_[kAnything].where = static_cast<std::int32_t>(Register::none);
  }

  AtomId intern(AtomKind kind, std::uint64_t pc, std::int32_t where);
  const Atom& operator[](AtomId id) const { return atoms_[id]; }
  const Access& access_of(const Atom& load) const { return accesses_[load.access]; }
  void set_access(AtomId load, const Access& access);
  // Valid until the sources of any atom are changed.
  std::span<const Value> sources_of(const Atom& atom) const {
    return {sources_.data() + atom.sources, atom.source_count};
  }
  std::span<const Value> sources_of(AtomId id) const { return sources_of(atoms_[id]); }
  // At most kMostSources.
  void set_sources(AtomId id, std::span<const Value> sources);
  void add_source(AtomId id, const Value& source);
  // After this nothing can be interned, and no more memory is in use than that takes.
  void freeze();
  AtomId size() const { return static_cast<AtomId>(atoms_.size()); }

  // Every atom that `value` may be a plain copy of: itself, or what a choice chooses from.
  std::vector<AtomId> alternatives(const Value& value) const;
  // Every atom that `value` is computed from in any way, its own included.
  std::vector<AtomId> ingredients(const Value& value) const;

 private:
  static std::size_t hash(AtomKind kind, std::uint64_t pc, std::int32_t where) {
    const std::uint64_t mixed = (pc * 0x9E3779B97F4A7C15u) ^
                                (static_cast<std::uint64_t>(where) * 0xD6E8FEB86659FD93u) ^
                                (static_cast<std::uint64_t>(kind) * 0xA0761D6478BD642Fu);
    return static_cast<std::size_t>(mixed >> 32);
  }
  void grow();
  void make_room(Atom& atom, std::uint8_t room);

  std::vector<Atom> atoms_;
  std::vector<Access> accesses_{1};
  std::vector<Value> sources_;  // those of one atom together
  // Open addressing by (kind, pc, where), a power of two of slots, at most half of them in use; 0 is a free one (the constant atom
  // is never interned).
  std::vector<AtomId> slots_ = std::vector<AtomId>(64);
};

inline AtomId AtomTable::intern(AtomKind kind, std::uint64_t pc, std::int32_t where) {
  std::size_t at = hash(kind, pc, where) & (slots_.size() - 1);
  for (; slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
    const Atom& atom = atoms_[slots_[at]];
    if (atom.pc == pc && atom.where == where && atom.kind == kind) return slots_[at];
  }
  const AtomId id = size();
  slots_[at] = id;
  atoms_.push_back({.kind = kind, .where = where, .pc = pc});
  if (atoms_.size() * 2 > slots_.size()) grow();
  return id;
}

inline void AtomTable::grow() {
  slots_.assign(slots_.size() * 4, 0);
  for (AtomId id = kAnything + 1; id < size(); ++id) {
    const Atom& atom = atoms_[id];
    std::size_t at = hash(atom.kind, atom.pc, atom.where) & (slots_.size() - 1);
    while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = id;
  }
}

inline void AtomTable::set_access(AtomId load, const Access& access) {
  std::uint32_t& index = atoms_[load].access;
  if (index == 0) {
    index = static_cast<std::uint32_t>(accesses_.size());
    accesses_.push_back(access);
  } else {
    accesses_[index] = access;
  }
}

// What was its place is lost.
inline void AtomTable::make_room(Atom& atom, std::uint8_t room) {
  const std::uint32_t old = atom.sources;
  atom.sources = static_cast<std::uint32_t>(sources_.size());
  atom.source_room = room;
  sources_.resize(sources_.size() + room);
  std::copy_n(sources_.begin() + old, atom.source_count, sources_.begin() + atom.sources);
}

inline void AtomTable::freeze() {
  slots_ = {};
  std::size_t count = 0;
  for (const Atom& atom : atoms_) count += atom.source_count;
  std::vector<Value> together;
  together.reserve(count);
  for (Atom& atom : atoms_) {
    const std::span<const Value> own = sources_of(atom);
    atom.sources = static_cast<std::uint32_t>(together.size());
    atom.source_room = atom.source_count;
    together.insert(together.end(), own.begin(), own.end());
  }
  sources_ = std::move(together);
  atoms_.shrink_to_fit();
  accesses_.shrink_to_fit();
}

inline void AtomTable::set_sources(AtomId id, std::span<const Value> sources) {
  Atom& atom = atoms_[id];
  atom.source_count = 0;
  if (sources.size() > atom.source_room) make_room(atom, static_cast<std::uint8_t>(sources.size()));
  std::ranges::copy(sources, sources_.begin() + atom.sources);
  atom.source_count = static_cast<std::uint8_t>(sources.size());
}

inline void AtomTable::add_source(AtomId id, const Value& source) {
  constexpr std::uint8_t kFirstRoom = 4;
  Atom& atom = atoms_[id];
  if (atom.source_count == atom.source_room)
    make_room(atom, std::max<std::uint8_t>(kFirstRoom, atom.source_room * 2));
  sources_[atom.sources + atom.source_count++] = source;
}

inline std::vector<AtomId> AtomTable::ingredients(const Value& value) const {
  std::vector<bool> seen(atoms_.size());
  std::vector<AtomId> found;
  const auto add = [&](const Value& v) {
    if (v.is_constant() || seen[v.atom]) return;
    seen[v.atom] = true;
    found.push_back(v.atom);
  };
  add(value);
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const Value& source : sources_of(found[i])) add(source);
  }
  return found;
}

inline std::vector<AtomId> AtomTable::alternatives(const Value& value) const {
  if (!value.is_atom()) return {};
  std::vector<bool> seen(atoms_.size());
  std::vector<AtomId> found{value.atom};
  seen[value.atom] = true;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (atoms_[found[i]].kind != AtomKind::choice) continue;
    for (const Value& source : sources_of(found[i])) {
      if (!source.is_atom()) continue;
      if (!seen[source.atom]) found.push_back(source.atom);
      seen[source.atom] = true;
    }
  }
  return found;
}

}  // namespace allocs::meta
