# Warnings are errors, for g++ 12 and clang 19 alike; ccache is used where it is.
find_program(CCACHE ccache)
if(CCACHE)
  # Paths are hashed relative to the clone, so that a second clone finds what the first compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor
                    -Woverloaded-virtual -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  add_compile_options(-Wno-restrict)  # with optimisation g++ 12 warns of `"text" + std::string` (its bug 105651)
endif()

if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # libstdc++ 12's own stable_sort calls what it deprecates, and clang blames the caller; g++ still watches ours.
  add_compile_options(-Wno-deprecated-declarations)
endif()

if(TOCSIN_SANITIZE)
  add_compile_options(-fsanitize=${TOCSIN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TOCSIN_SANITIZE})
endif()
if(TOCSIN_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Files that need 1 GB and more to compile: two at a time, so that a small machine does not swap.
set_property(GLOBAL APPEND PROPERTY JOB_POOLS heavy=2)
