# SPDX-License-Identifier: Apache-2.0
# How the parts of src/ become targets. A part's CMakeLists.txt is one call:
#
#   allocs_part(runtime/index FREESTANDING
#     SOURCES heap_shadow.cc site_table.cc      # none for a part of headers only
#     DEPENDS base                              # parts, by the path below src/
#     LIBRARIES PkgConfig::xxhash               # outside targets, see allocs_dependencies.cmake
#     TESTS heap_shadow site_table              # heap_shadow_test.cc -> ctest unit/runtime/index/heap_shadow
#     FUZZERS site_table                        # site_table_fuzz.cc  -> ctest fuzz/runtime/index/site_table
#     SEEDED_FUZZERS image                      # the same; fuzz/make_seeds makes what it begins with
#     BENCHES heap_shadow)                      # heap_shadow_bench.cc -> ctest bench/... (runs it with --smoke)
#
# and makes the static library allocs_runtime_index (position independent, hidden visibility; an interface
# library when there are no sources). A test's target is allocs_runtime_index_heap_shadow_test.
#
# What users get is made of parts:
#
#   allocs_shared_library(allocs_preload FREESTANDING SOURCES ... DEPENDS ... LIBRARIES ...)   # lib/liballocs_preload.so
#   allocs_shared_library(allocs_client OUTPUT allocs FREESTANDING ...)                        # lib/liballocs.so
#   allocs_executable(allocs SOURCES ... DEPENDS ... LIBRARIES ... MAN allocs.1)               # bin/allocs
#
# Both are installed and belong to the target `product`, which is what ./demo builds.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_IMPLICIT_LINK_LIBRARIES "")  # else CMake adds libstdc++ to what is linked as C

add_custom_target(product)
set(allocs_seeds ${CMAKE_BINARY_DIR}/seeds)  # of fuzzers, made by the test fuzz/seeds

set(allocs_warnings -Wall -Wextra -Wshadow $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> -Werror)
# Code that runs inside a guest: needs nothing but libc, unwinds from anywhere, owns no C++ run time.
set(allocs_freestanding_options
    $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti -fno-threadsafe-statics -U_GLIBCXX_ASSERTIONS>
    -fvisibility=hidden -ftls-model=initial-exec -fno-stack-protector -fno-math-errno
    -fasynchronous-unwind-tables)
if(ALLOCS_SANITIZE)
  string(REPLACE "," ";" allocs_sanitizers ${ALLOCS_SANITIZE})
  add_compile_options(-fsanitize=${ALLOCS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${ALLOCS_SANITIZE})
  if("address" IN_LIST allocs_sanitizers AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized)  # gcc 12 takes what the sanitizer adds for uses
  endif()
  if("thread" IN_LIST allocs_sanitizers AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan)  # fences are not seen: what they order may be reported, and would have to be suppressed
  endif()
  if("undefined" IN_LIST allocs_sanitizers)
    list(APPEND allocs_freestanding_options -fno-sanitize=vptr)  # needs the RTTI that these parts do without
  endif()
endif()
if(ALLOCS_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

function(allocs_target_of part out)
  string(REPLACE "/" "_" name ${part})
  set(${out} allocs_${name} PARENT_SCOPE)
endfunction()

function(allocs_link_parts target visibility)
  foreach(part IN LISTS ARGN)
    allocs_target_of(${part} library)
    if(NOT TARGET ${library})
      message(FATAL_ERROR "${target}: the part ${part} does not exist above it in the layer order")
    endif()
    target_link_libraries(${target} ${visibility} ${library})
  endforeach()
endfunction()

# Flags that every target of ours has; `freestanding` is a boolean.
function(allocs_set_options target freestanding)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_compile_options(${target} PRIVATE ${allocs_warnings})
  set_target_properties(${target} PROPERTIES C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden
                        VISIBILITY_INLINES_HIDDEN ON)
  if(freestanding)
    target_compile_options(${target} PRIVATE ${allocs_freestanding_options})
  endif()
endfunction()

# `heap_shadow`, `heap_shadow_test` and `heap_shadow_test.cc` all name heap_shadow.
function(allocs_companion_stem item suffix out)
  string(REGEX REPLACE "\\.cc$" "" stem ${item})
  string(REGEX REPLACE "_${suffix}$" "" stem ${stem})
  set(${out} ${stem} PARENT_SCOPE)
endfunction()

# Each of `list` has a file: what is named and missing would be a test that nobody runs.
function(allocs_check_existing part list suffix)
  foreach(item IN LISTS ${list})
    set(file ${item})
    if(suffix)
      allocs_companion_stem(${item} ${suffix} stem)
      set(file ${stem}_${suffix}.cc)
    endif()
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
      message(FATAL_ERROR "${part}: ${CMAKE_CURRENT_SOURCE_DIR}/${file} does not exist; write it or take it off the list")
    endif()
  endforeach()
endfunction()

# Half of the time of a test's compilation went into reading gtest's headers: they are read once for all tests.
if(ALLOCS_TESTS)
  file(WRITE ${CMAKE_BINARY_DIR}/gtest_headers.cc "")
  add_library(allocs_gtest_headers OBJECT ${CMAKE_BINARY_DIR}/gtest_headers.cc)
  allocs_set_options(allocs_gtest_headers FALSE)
  set_target_properties(allocs_gtest_headers PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  if(CMAKE_POSITION_INDEPENDENT_CODE)
    target_compile_options(allocs_gtest_headers PRIVATE ${CMAKE_CXX_COMPILE_OPTIONS_PIE})  # as a program has it
  endif()
  target_link_libraries(allocs_gtest_headers PRIVATE GTest::gtest_main Threads::Threads)
  target_precompile_headers(allocs_gtest_headers PRIVATE <gtest/gtest.h>)
endif()

# One companion program: build/<preset>/test/<part>/<stem>_<suffix>.
function(allocs_companion part stem suffix)
  allocs_target_of(${part} library)
  set(target ${library}_${stem}_${suffix})
  add_executable(${target} ${stem}_${suffix}.cc)
  allocs_set_options(${target} FALSE)
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${stem}_${suffix}
                        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test/${part})
  target_link_libraries(${target} PRIVATE ${library} ${ARGN} Threads::Threads)
  if(suffix STREQUAL test)
    target_precompile_headers(${target} REUSE_FROM allocs_gtest_headers)
    # Behind precompiled headers gcc 12 takes copies of short strings for ones beyond an array's end.
    target_compile_options(${target} PRIVATE
                           $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds -Wno-stringop-overflow>)
  endif()
endfunction()

function(allocs_part part)
  cmake_parse_arguments(PARSE_ARGV 1 arg "FREESTANDING" "" "SOURCES;DEPENDS;LIBRARIES;TESTS;FUZZERS;SEEDED_FUZZERS;BENCHES")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "allocs_part(${part}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  allocs_target_of(${part} library)
  allocs_check_existing(${part} arg_SOURCES "")
  allocs_check_existing(${part} arg_TESTS test)
  allocs_check_existing(${part} arg_FUZZERS fuzz)
  allocs_check_existing(${part} arg_SEEDED_FUZZERS fuzz)
  allocs_check_existing(${part} arg_BENCHES bench)
  if(arg_SOURCES)
    add_library(${library} STATIC ${arg_SOURCES})
    allocs_set_options(${library} ${arg_FREESTANDING})
    set(visibility PUBLIC)
  else()
    add_library(${library} INTERFACE)
    target_include_directories(${library} INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
    set(visibility INTERFACE)
  endif()
  allocs_link_parts(${library} ${visibility} ${arg_DEPENDS})
  target_link_libraries(${library} ${visibility} ${arg_LIBRARIES})
  if(NOT ALLOCS_TESTS)
    return()
  endif()

  foreach(item IN LISTS arg_TESTS)
    allocs_companion_stem(${item} test stem)
    allocs_companion(${part} ${stem} test GTest::gtest_main)
    add_test(NAME unit/${part}/${stem} COMMAND ${library}_${stem}_test --gtest_brief=1)
    set_tests_properties(unit/${part}/${stem} PROPERTIES LABELS unit TIMEOUT 600)
    if(arg_FREESTANDING)
      # What a guest's arenas hand out lives as long as the process: no leak, but LeakSanitizer cannot know.
      set_tests_properties(unit/${part}/${stem} PROPERTIES ENVIRONMENT ASAN_OPTIONS=detect_leaks=0)
    endif()
  endforeach()

  foreach(item IN LISTS arg_FUZZERS arg_SEEDED_FUZZERS)
    allocs_companion_stem(${item} fuzz stem)
    set(inputs ${PROJECT_SOURCE_DIR}/fuzz/corpus/${part}/${stem})
    if(NOT EXISTS ${inputs})
      set(inputs)
    endif()
    if(item IN_LIST arg_SEEDED_FUZZERS)
      list(APPEND inputs ${allocs_seeds}/${part}/${stem})
    endif()
    if(ALLOCS_FUZZ)
      allocs_companion(${part} ${stem} fuzz -fsanitize=fuzzer)
      # -entropic=0: weighing what is rare took nine tenths of the time where one run reaches ten thousand places.
      set(finds ${CMAKE_BINARY_DIR}/finds/${part}/${stem})  # libFuzzer writes to the first folder only
      file(MAKE_DIRECTORY ${finds})
      add_test(NAME fuzz/${part}/${stem} COMMAND ${library}_${stem}_fuzz -max_total_time=20 -entropic=0 ${finds} ${inputs})
    else()
      allocs_companion(${part} ${stem} fuzz)
      target_sources(${library}_${stem}_fuzz PRIVATE ${PROJECT_SOURCE_DIR}/fuzz/replay.cc)
      add_test(NAME fuzz/${part}/${stem} COMMAND ${library}_${stem}_fuzz ${inputs})
    endif()
    set_tests_properties(fuzz/${part}/${stem} PROPERTIES LABELS fuzz TIMEOUT 300)
    if(item IN_LIST arg_SEEDED_FUZZERS)
      set_tests_properties(fuzz/${part}/${stem} PROPERTIES FIXTURES_REQUIRED fuzz_seeds)
    endif()
  endforeach()

  if(benchmark_FOUND AND NOT ALLOCS_SANITIZE AND NOT ALLOCS_FUZZ)
    foreach(item IN LISTS arg_BENCHES)
      allocs_companion_stem(${item} bench stem)
      allocs_companion(${part} ${stem} bench allocs_bench_main benchmark::benchmark)
      add_test(NAME bench/${part}/${stem} COMMAND ${library}_${stem}_bench --smoke)
      set_tests_properties(bench/${part}/${stem} PROPERTIES LABELS bench TIMEOUT 300)
    endforeach()
  endif()
endfunction()

# `main` for the benches that do not bring their own.
if(ALLOCS_TESTS AND benchmark_FOUND)
  add_library(allocs_bench_main STATIC ${PROJECT_SOURCE_DIR}/bench/bench_main.cc)
  target_link_libraries(allocs_bench_main PUBLIC benchmark::benchmark)
  allocs_set_options(allocs_bench_main FALSE)
endif()

function(allocs_shared_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "FREESTANDING" "OUTPUT" "SOURCES;DEPENDS;LIBRARIES")
  add_library(${name} SHARED ${arg_SOURCES})
  allocs_set_options(${name} ${arg_FREESTANDING})
  allocs_link_parts(${name} PRIVATE ${arg_DEPENDS})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES})
  target_link_options(${name} PRIVATE -Wl,-z,relro)
  # clang leaves the sanitizers' run time to the executable.
  if(NOT ALLOCS_SANITIZE OR NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
  if(arg_FREESTANDING)
    # Linked as C: the C++ library cannot come in. libgcc's static half serves the compiler's own calls.
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
    target_link_options(${name} PRIVATE -static-libgcc)
  endif()
  set_target_properties(${name} PROPERTIES INSTALL_RPATH "$ORIGIN" BUILD_WITH_INSTALL_RPATH ON)
  if(arg_OUTPUT)
    set_target_properties(${name} PROPERTIES OUTPUT_NAME ${arg_OUTPUT})
  endif()
  add_dependencies(product ${name})
  install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()

function(allocs_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "MAN" "SOURCES;DEPENDS;LIBRARIES")
  add_executable(${name} ${arg_SOURCES})
  allocs_set_options(${name} FALSE)
  allocs_link_parts(${name} PRIVATE ${arg_DEPENDS})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES})
  set_target_properties(${name} PROPERTIES BUILD_WITH_INSTALL_RPATH ON)
  add_dependencies(product ${name})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  if(arg_MAN)
    configure_file(${arg_MAN} ${CMAKE_BINARY_DIR}/share/man/man1/${arg_MAN} COPYONLY)
    install(FILES ${arg_MAN} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  endif()
endfunction()
