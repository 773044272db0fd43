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
