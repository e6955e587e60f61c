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

# Sources of one folder that are compiled together: reading the headers and loading what is precompiled is most of the
# time of a build. Files whose private names would meet stay alone. Off, each file is compiled by itself: for work on it.
option(WRIT_JOIN "Compile several sources at once (the build takes about two thirds of the time)" ON)

# writ_join_sources(<target> <count> [<file that stays alone>…])
function(writ_join_sources target count)
  if(NOT WRIT_JOIN)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE BATCH UNITY_BUILD_BATCH_SIZE ${count})
  foreach(file IN LISTS ARGN)
    set_source_files_properties(${file} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endforeach()
endfunction()
