# Warnings, sanitizers and hardening for every target of this tree.
add_library(writ_options INTERFACE)
target_include_directories(writ_options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_options(writ_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual
  -fno-strict-aliasing -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(writ_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)  # for ccache
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(writ_options INTERFACE -fbracket-depth=1024)  # the table of system calls is one long initialiser
endif()
if(WRIT_WERROR)
  target_compile_options(writ_options INTERFACE -Werror)
endif()
if(WRIT_SANITIZE)
  target_compile_options(writ_options INTERFACE -fsanitize=${WRIT_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(writ_options INTERFACE -fsanitize=${WRIT_SANITIZE})
  set(WRIT_STATIC OFF)
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(writ_options INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -ffunction-sections -fdata-sections)
  target_link_options(writ_options INTERFACE -Wl,--gc-sections)
endif()
find_program(WRIT_CCACHE ccache)
if(WRIT_CCACHE)
  # Precompiled headers can be cached only if their times and macros are not compared (ccache(1), "precompiled headers").
  set(ccache ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${WRIT_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${ccache})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ccache})
endif()
