# Headers that nearly every file reads, compiled once. They are the standard library's and Catch2's, never our own: a
# file still includes all that it uses, and builds without this (WRIT_PRECOMPILE=OFF, and with clang-tidy).
option(WRIT_PRECOMPILE "Compile the standard headers once (the build takes about half the time)" ON)

set(writ_standard_headers
  <algorithm> <array> <chrono> <charconv> <cstdint> <deque> <functional> <map> <memory> <optional> <set> <span> <string>
  <string_view> <utility> <variant> <vector> <tl/expected.hpp>)

# writ_precompiled(<name> <header>…): a target that compiles the headers, for writ_use_precompiled().
function(writ_precompiled name)
  if(NOT WRIT_PRECOMPILE)
    return()
  endif()
  set(source ${PROJECT_BINARY_DIR}/generated/${name}.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT "" @ONLY)
  add_library(${name} OBJECT ${source})
  target_link_libraries(${name} PRIVATE writ_options)
  target_precompile_headers(${name} PRIVATE ${ARGN})
endfunction()

function(writ_use_precompiled target name)
  if(WRIT_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()

writ_precompiled(writ_standard_precompiled ${writ_standard_headers})

# Sources of one target that are compiled together: reading the headers and loading what is precompiled is most of the time
# of a build. cmake/join_groups.py chooses them so that no private names meet. It looks when the build is configured: where
# names have come to meet since ("redefinition", "ambiguous"), `cmake build/release` parts the two files. Off, each file is
# compiled by itself.
option(WRIT_JOIN "Compile several sources at once (the build takes about half the time)" ON)
set(writ_lines_at_once 1500)

function(writ_join_sources target)
  if(NOT WRIT_JOIN)
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  list(FILTER sources INCLUDE REGEX "[.]cc$")
  list(TRANSFORM sources PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/" REGEX "^[^/$]")
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/cmake/join_groups.py ${PROJECT_SOURCE_DIR} ${writ_lines_at_once}
            ${CMAKE_CURRENT_BINARY_DIR}/${target}.joined ${sources}
    OUTPUT_VARIABLE groups COMMAND_ERROR_IS_FATAL ANY)
  cmake_language(EVAL CODE "${groups}")
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # g++ takes what the joined file includes for headers, where a type of an unnamed namespace would be a mistake.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endfunction()
