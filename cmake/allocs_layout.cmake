# SPDX-License-Identifier: Apache-2.0
# The build tree is laid out like an install prefix, so that every tool, test and consumer works the same
# from build/<preset>, from /usr and from a relocated copy of either.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/archive)  # parts: linked in, never installed
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/lib ${CMAKE_BINARY_DIR}/share)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/include ${CMAKE_BINARY_DIR}/include SYMBOLIC)

# An executable finds its libraries beside itself: ../lib in the build tree, the chosen libdir once installed.
file(RELATIVE_PATH allocs_bin_to_lib ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib;$ORIGIN/${allocs_bin_to_lib}")
list(REMOVE_DUPLICATES CMAKE_INSTALL_RPATH)

# Writes allocs.pc for a tree whose library directory lies `up` below its prefix, relative to the .pc file.
function(allocs_write_pc file up libdir)
  set(ALLOCS_PC_UP ${up})
  set(ALLOCS_PC_LIBDIR ${libdir})
  configure_file(${PROJECT_SOURCE_DIR}/cmake/allocs.pc.in ${file} @ONLY)
endfunction()
# allocs.pc for pkg-config and allocsConfig.cmake for find_package, in the build tree and for the installed one.
file(RELATIVE_PATH allocs_pc_up ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" allocs_pc_up ${allocs_pc_up})
file(RELATIVE_PATH allocs_pc_libdir ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_LIBDIR})
allocs_write_pc(${CMAKE_BINARY_DIR}/lib/pkgconfig/allocs.pc ../.. lib)
allocs_write_pc(${CMAKE_BINARY_DIR}/installed/allocs.pc ${allocs_pc_up} ${allocs_pc_libdir})

include(CMakePackageConfigHelpers)
set(allocs_version_file ${CMAKE_BINARY_DIR}/lib/cmake/allocs/allocsConfigVersion.cmake)
write_basic_package_version_file(${allocs_version_file} COMPATIBILITY SameMajorVersion)
configure_file(cmake/allocsConfig.cmake ${CMAKE_BINARY_DIR}/lib/cmake/allocs/allocsConfig.cmake COPYONLY)
install(FILES cmake/allocsConfig.cmake ${allocs_version_file} DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/allocs)

install(FILES ${CMAKE_BINARY_DIR}/installed/allocs.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
