// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What is declared of one function that hands out memory, takes it back or computes how much is needed.
// `docs/formats/declarations.md` has the language.
namespace allocs::declarations {

enum class Role : std::uint8_t {
  base,             // malloc and its like, whose calls are allocation sites to begin with
  allocates,        // hands out what such a function gave it
  new_one,          // operator new
  new_array,        // operator new[]
  computes_size,    // returns a size made of the one that it is told
  frees,            // takes a block back
  suballocates,     // hands out pieces of a block
  takes_piece_back  // takes such a piece back
};

// What lies in a block.
struct Content {
  enum class Shape : std::uint8_t { nothing_said, one, array, at_least_one };
  Shape shape = Shape::nothing_said;
  std::string name;       // of a type, without "struct" and its like
  unsigned pointers = 0;  // how many levels of pointer to it
  friend bool operator==(const Content&, const Content&) = default;
};

struct Declaration {
  static constexpr int kNone = -1;

  Role role = Role::allocates;
  std::string name;        // linkage name
  std::string file;        // the object file of a local function; else empty
  std::string parameters;  // one letter each; capitals are those that matter
  std::int64_t unit = 1;   // bytes that the size counts in
  char result = 0;         // z, p, i; 0: nothing
  std::string allocator;   // takes_piece_back: the function that handed the piece out
  Content content;
  std::string library;    // soname: the declaration is of that library's function; empty: of any
  bool is_users = false;  // not one of those that are built in

  // Numbers of parameters, from 0; kNone if there is no such one.
  int size() const;
  int count() const { return number_of('N'); }
  int stored() const { return number_of('O'); }  // where the block's address is stored
  int freed() const { return number_of('P'); }
  // The size may be multiplied by a number in front of it: the language of the variables has no letter for that.
  bool may_be_counted() const;

  bool hands_out() const { return role <= Role::new_array || role == Role::suballocates; }
  // It returns pieces whose size can be told: from an argument, or, without a size, from what the result points to.
  bool tells_pieces() const {
    return role == Role::suballocates && result == 'p' && stored() == kNone && !may_be_counted();
  }
  // The caller decides what the block is.
  bool is_wrapper() const {
    return role == Role::allocates && content.shape == Content::Shape::nothing_said;
  }

 private:
  int number_of(char letter) const;
};

// What is wrong with a text, and where: bytes from its start.
struct Problem {
  std::size_t at = 0;
  std::string text;  // says what is expected
};

// Reads "mycalloc(zZ)p" as a function of that role. `result` keeps its role and is whole only if there is no problem.
std::optional<Problem> parse_signature(std::string_view text, Declaration& result);

// Reads "struct addrinfo...", "char *[]".
std::optional<Problem> parse_content(std::string_view text, Content& result);

}  // namespace allocs::declarations
