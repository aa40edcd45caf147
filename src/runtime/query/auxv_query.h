// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/query/answer.h"
#include "runtime/query/process.h"
#include "types/derive.h"

// The block that the kernel builds at the top of the first thread's stack: argc, argv[], envp[], the auxiliary vector, and the strings
// that these point to.
namespace allocs::query {

inline uniqtype* char_type(const TypeMaker& types) {
  return types::base_type(*types.interner, types::kEncodingSignedChar, 1, "signed_char$8", "char");
}

// struct { uint64_t a_type; uint64_t a_val; }, as <elf.h> names it.
inline uniqtype* auxiliary_entry_type(const TypeMaker& types) {
  uniqtype* word =
      types::base_type(*types.interner, types::kEncodingUnsigned, 8, "uint$64", "unsigned long");
  if (word == nullptr) return nullptr;
  Hasher hasher;
  hasher.add(std::string_view("auxiliary vector entry"));
  const types::CompositeSlot slots[] = {{"a_type", 0, word}, {"a_un", 8, word}};
  return types::composite_of(*types.interner, types::CompositeKind::structure, hasher.finish(),
                             "Elf64_auxv_t", "Elf64_auxv_t", 16, slots, 2);
}

// The string that contains `at`, between `from` and the end.
template <Memory M>
AddressRange string_around(const M& memory, AddressRange strings, Address at) {
  Address begin = at, end = at;
  while (begin > strings.begin) {
    const auto before = load<char>(memory, begin - 1);
    if (!before || *before == '\0') break;
    begin = begin - 1;
  }
  while (end < strings.end) {
    const auto byte = load<char>(memory, end);
    end = end + 1;
    if (!byte || *byte == '\0') break;
  }
  return {begin, end};
}

// `at` lies at or above initial.argc. Context: signal if types may not be made.
template <Process P>
Answer query_auxv(const P& process, const InitialStack& initial, Address at) {
  const TypeMaker& types = process.types();
  const auto vector = [&](Address begin, std::uint64_t count, std::uint64_t size, auto&& element) {
    Answer answer = Answer::of(Allocator::auxv, {begin, begin + count * size}, ALLOC_EV_KERNEL);
    if (!answer.range.contains(at)) return Answer{};
    if (!types.may_make) {
      answer.set_no_type(ALLOC_E_NOT_YET);
    } else {
      answer.set_type(types::array_of(*types.interner, element(), count), ALLOC_GRADE_EXACT);
    }
    return answer;
  };
  const auto string_pointer = [&] { return types::pointer_to(*types.interner, char_type(types)); };

  Answer answer = vector(initial.arguments, initial.argument_count + 1, 8, string_pointer);
  if (answer.error == ALLOC_OK) {
    answer.name = "argv";
    return answer;
  }
  answer = vector(initial.environment, initial.environment_count + 1, 8, string_pointer);
  if (answer.error == ALLOC_OK) {
    answer.name = "envp";
    return answer;
  }
  answer = vector(initial.auxiliary, initial.auxiliary_count, 16,
                  [&] { return auxiliary_entry_type(types); });
  if (answer.error == ALLOC_OK) {
    answer.name = "auxv";
    return answer;
  }
  if (const AddressRange count{initial.argc, initial.argc + 8}; count.contains(at)) {
    answer = Answer::of(Allocator::auxv, count, ALLOC_EV_KERNEL);
    answer.name = "argc";
    if (types.may_make) {
      answer.set_type(
          types::base_type(*types.interner, types::kEncodingSigned, 8, "int$64", "long"),
          ALLOC_GRADE_EXACT);
    } else {
      answer.set_no_type(ALLOC_E_NOT_YET);
    }
    return answer;
  }
  const AddressRange strings{initial.strings, initial.end};
  if (!strings.contains(at))
    return Answer::of(Allocator::auxv, {initial.argc, initial.end}, ALLOC_EV_KERNEL);
  answer = Answer::of(Allocator::auxv, string_around(process.host(), strings, at), ALLOC_EV_KERNEL);
  answer.name = "string of the initial stack";
  if (types.may_make) {
    answer.set_type(types::array_of(*types.interner, char_type(types), types::kUnbounded),
                    ALLOC_GRADE_EXACT);
  } else {
    answer.set_no_type(ALLOC_E_NOT_YET);
  }
  return answer;
}

}  // namespace allocs::query
