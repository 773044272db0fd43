# SPDX-License-Identifier: MIT
# clawlink_room(wire FILES json.c ... USES base ... LINK PkgConfig::X ...)
# One static library per room, named room_<room>. Includes are written from src/.
function(clawlink_room room)
  cmake_parse_arguments(arg "" "" "FILES;USES;LINK" ${ARGN})
  add_library(room_${room} STATIC ${arg_FILES})
  target_include_directories(room_${room} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_compile_options(room_${room} PRIVATE
    -include ${CMAKE_SOURCE_DIR}/src/base/banned.h)
  list(TRANSFORM arg_USES PREPEND room_)
  target_link_libraries(room_${room} PUBLIC ${arg_USES} PRIVATE ${arg_LINK})
endfunction()

# clawlink_test(wire/test_json ROOMS wire LINK PkgConfig::JANSSON SOURCES extra.c)
# One program, one process, one line in the test table. Sources lie in tests/unit/.
function(clawlink_test name)
  cmake_parse_arguments(arg "" "" "ROOMS;LINK;SOURCES" ${ARGN})
  string(REPLACE "/" "_" target ${name})
  add_executable(${target} ${CMAKE_SOURCE_DIR}/tests/unit/${name}.c ${arg_SOURCES})
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  list(TRANSFORM arg_ROOMS PREPEND room_)
  target_link_libraries(${target} PRIVATE test_support ${arg_ROOMS} ${arg_LINK})
  # Joined by the linker, the tests of a file would run in another order.
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/unit INTERPROCEDURAL_OPTIMIZATION OFF)
  add_test(NAME ${name} COMMAND ${target} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endfunction()

# clawlink_fuzz(json ROOMS wire): tests/fuzz/fuzz_json.c with tests/fuzz/json.dict and
# tests/fuzz/seeds/json/. In the fuzz preset a libFuzzer program; elsewhere one that replays
# the seeds, which runs as a unit test.
function(clawlink_fuzz name)
  cmake_parse_arguments(arg "" "" "ROOMS" ${ARGN})
  list(TRANSFORM arg_ROOMS PREPEND room_)
  set(target fuzz_${name})
  if(CLAWLINK_SANITIZE STREQUAL "fuzzer")
    add_executable(${target} fuzz_${name}.c)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(${target} fuzz_${name}.c replay.c)
    add_test(NAME fuzz/${name} COMMAND ${target} tests/fuzz/seeds/${name}
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  endif()
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${target} PRIVATE ${arg_ROOMS})
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/fuzz)
endfunction()
