# SPDX-License-Identifier: MIT
# Compiler flags of every target.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
  -Wmissing-prototypes -Wvla -Wundef -Wcast-qual -Wwrite-strings -Wswitch-enum -Wformat=2
  -Wimplicit-fallthrough -fno-common -fvisibility=hidden -fstack-protector-strong
  # gcc 12 -O3 takes what a list's head says from before a loop that takes elements out of it
  # (tests/unit/base/test_list.c). Not to reason from types costs no instruction.
  -fno-strict-aliasing
  -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)
if(CLAWLINK_WERROR)
  add_compile_options(-Werror)
endif()
if(APPLE)
  add_compile_definitions(_DARWIN_C_SOURCE)
else()
  add_compile_definitions(_POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -ftrivial-auto-var-init=zero)
  if(NOT APPLE)
    add_compile_options(-fstack-clash-protection)
    add_link_options(-Wl,-z,relro,-z,now)
  endif()
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64")
    add_compile_options(-fcf-protection)
  endif()
endif()

# Rooms call each other in small steps, which the linker can join: a sixth fewer instructions per
# routed message. Builds that are looked at by tools go without.
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT CLAWLINK_SANITIZE AND NOT CLAWLINK_COVER)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT can_join LANGUAGES C)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${can_join})
  if(can_join AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
    # Where the linker joins, gcc 12 sees false ones.
    add_link_options(-Wno-stringop-overflow -Wno-stringop-overread)
  endif()
endif()

if(CLAWLINK_SANITIZE STREQUAL "fuzzer")
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
elseif(CLAWLINK_SANITIZE)
  add_compile_options(-fsanitize=${CLAWLINK_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CLAWLINK_SANITIZE})
endif()
if(CLAWLINK_COVER)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

include(CheckPIESupported)
check_pie_supported()
