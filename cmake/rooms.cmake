# The five things that this project is made of. All lists are explicit; a room without sources is only a name for its
# friends.
#
#   room(base SOURCES text.cc FRIENDS tl::expected TESTS text_test.cc)      library tocsin_base
#     FRIENDS  what its headers and sources may use: rooms and packages. cmake/arrows.txt says the same of includes.
#     PRIVATE_FRIENDS  packages that only its sources see
#     TESTS    unit tests beside the unit; they join TEST_PROGRAM, that of the house's part (engine_test, dsl_test, app_test, daemon_test)
#     TEST_FRIENDS  what these tests may use besides
#   test_program(engine_test)             a doctest program; main() is given, so no file defines one
#   fuzz_target(parse_fuzz SOURCES .. FRIENDS ..)
#   bench_program(dsl_bench SOURCES .. FRIENDS ..)
#   scenario(many_rules SOURCES .. FRIENDS ..)   the program many_rules_scenario of bench/scenarios

# A word that no list of arguments takes is a slip: what stands behind it would be left out without a word.
macro(refuse_unknown what unknown)
  if(NOT "${unknown}" STREQUAL "")
    message(FATAL_ERROR "${what}: what is `${unknown}`?")
  endif()
endmacro()

function(room name)
  cmake_parse_arguments(PARSE_ARGV 1 ROOM "" "TEST_PROGRAM" "SOURCES;FRIENDS;PRIVATE_FRIENDS;TESTS;TEST_FRIENDS")
  set(target tocsin_${name})
  refuse_unknown("room ${name}" "${ROOM_UNPARSED_ARGUMENTS}")
  if(ROOM_SOURCES)
    add_library(${target} STATIC ${ROOM_SOURCES})
    target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(${target} PUBLIC ${ROOM_FRIENDS} PRIVATE ${ROOM_PRIVATE_FRIENDS})
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${target} INTERFACE ${ROOM_FRIENDS})
  endif()
  if(TOCSIN_TESTS AND ROOM_SOURCES)
    # The room whole, with its friends and nobody else: what it takes from a stranger does not link here.
    add_executable(${target}_alone ${CMAKE_SOURCE_DIR}/cmake/alone.cc)
    target_link_libraries(${target}_alone PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,${target}>)
  endif()
  if(TOCSIN_TESTS AND ROOM_TESTS)
    list(TRANSFORM ROOM_TESTS PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
    target_sources(${ROOM_TEST_PROGRAM} PRIVATE ${ROOM_TESTS})
    target_link_libraries(${ROOM_TEST_PROGRAM} PRIVATE ${target} ${ROOM_TEST_FRIENDS})
  endif()
endfunction()

# All test programs lie in build/<preset>/bin, where `./run test` finds them.
function(test_program name)
  cmake_parse_arguments(PARSE_ARGV 1 TEST "" "" "SOURCES;FRIENDS")
  refuse_unknown("test_program ${name}" "${TEST_UNPARSED_ARGUMENTS}")
  add_executable(${name} ${TEST_SOURCES})
  target_link_libraries(${name} PRIVATE tocsin_test_main ${TEST_FRIENDS})
  target_compile_definitions(${name} PRIVATE TOCSIN_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

function(fuzz_target name)
  cmake_parse_arguments(PARSE_ARGV 1 FUZZ "" "" "SOURCES;FRIENDS")
  refuse_unknown("fuzz_target ${name}" "${FUZZ_UNPARSED_ARGUMENTS}")
  add_executable(${name} ${FUZZ_SOURCES})
  target_link_libraries(${name} PRIVATE ${FUZZ_FRIENDS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

function(bench_program name)
  cmake_parse_arguments(PARSE_ARGV 1 BENCH "" "" "SOURCES;FRIENDS")
  refuse_unknown("bench_program ${name}" "${BENCH_UNPARSED_ARGUMENTS}")
  add_executable(${name} ${BENCH_SOURCES})
  target_link_libraries(${name} PRIVATE benchmark::benchmark ${BENCH_FRIENDS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

function(scenario name)
  cmake_parse_arguments(PARSE_ARGV 1 SCENARIO "" "" "SOURCES;FRIENDS")
  refuse_unknown("scenario ${name}" "${SCENARIO_UNPARSED_ARGUMENTS}")
  add_executable(${name}_scenario ${SCENARIO_SOURCES})
  target_link_libraries(${name}_scenario PRIVATE tocsin_scenario ${SCENARIO_FRIENDS})
  set_target_properties(${name}_scenario PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()
