# SPDX-License-Identifier: Apache-2.0
# Everything found outside the repository, and the target a part names to get it.
# scripts/install_dependencies holds the package names.
#
#   PkgConfig::libdw PkgConfig::libelf    DWARF and ELF, for src/meta only
#   PkgConfig::libdeflate PkgConfig::libzstd  compressed sections, for src/meta only
#   Zydis::Zydis                          disassembly, for src/meta only
#   PkgConfig::xxhash                     content hashes
#   fmt::fmt CLI11::CLI11 nlohmann_json::nlohmann_json
#   GTest::gtest_main, benchmark::benchmark (optional)

set(allocs_how_to_install "; run scripts/install_dependencies build")
function(allocs_find package)
  find_package(${package} QUIET ${ARGN})
  if(NOT ${package}_FOUND)
    message(FATAL_ERROR "${package} is missing${allocs_how_to_install}")
  endif()
endfunction()

find_package(Threads REQUIRED)
find_package(PkgConfig QUIET)
if(NOT PkgConfig_FOUND)
  message(FATAL_ERROR "pkg-config is missing${allocs_how_to_install}")
endif()
foreach(module libdw libelf libdeflate libzstd)
  pkg_check_modules(${module} QUIET IMPORTED_TARGET GLOBAL ${module})
  if(NOT ${module}_FOUND)
    message(FATAL_ERROR "${module} is missing${allocs_how_to_install}")
  endif()
endforeach()
pkg_check_modules(xxhash QUIET IMPORTED_TARGET GLOBAL libxxhash)
if(NOT xxhash_FOUND)
  message(FATAL_ERROR "libxxhash is missing${allocs_how_to_install}")
endif()
foreach(package fmt CLI11 nlohmann_json Zydis)
  allocs_find(${package})
endforeach()
if(ALLOCS_TESTS)
  allocs_find(GTest)
  find_package(benchmark QUIET)
endif()
