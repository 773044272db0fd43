# SPDX-License-Identifier: MIT
# libclawlink (include/clawlink/client.h): what lies below room_client, as a shared library and as a
# static one, of which nothing can be seen but claw_*.
include(GNUInstallDirs)
set(CLAWLINK_ABI 0) # of the soname: another one when programs have to be built anew

set(library_rooms base core wire proto trust net client)
set(library_objects)
foreach(room ${library_rooms})
  list(APPEND library_objects $<TARGET_OBJECTS:room_${room}>)
endforeach()

add_library(libclawlink SHARED $<TARGET_OBJECTS:room_client>)
target_link_libraries(libclawlink PRIVATE room_client)
set_target_properties(libclawlink PROPERTIES
  OUTPUT_NAME clawlink
  VERSION ${PROJECT_VERSION}
  SOVERSION ${CLAWLINK_ABI}
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
if(NOT APPLE)
  set(map ${CMAKE_SOURCE_DIR}/src/client/libclawlink.map)
  target_link_options(libclawlink PRIVATE -Wl,--version-script=${map} -Wl,--as-needed)
  if(NOT CLAWLINK_SANITIZE)
    target_link_options(libclawlink PRIVATE -Wl,--no-undefined)
  endif()
  set_target_properties(libclawlink PROPERTIES LINK_DEPENDS ${map})
endif()

# All rooms joined to one object, so that its other names can be made local.
add_custom_command(
  OUTPUT ${CMAKE_BINARY_DIR}/libclawlink.a
  COMMAND ${CMAKE_SOURCE_DIR}/tools/join-objects ${CMAKE_C_COMPILER} ${CMAKE_BINARY_DIR}/libclawlink.a
    ${library_objects}
  DEPENDS ${library_objects} ${CMAKE_SOURCE_DIR}/tools/join-objects
  COMMAND_EXPAND_LISTS VERBATIM)
add_custom_target(libclawlink_static ALL DEPENDS ${CMAKE_BINARY_DIR}/libclawlink.a)

set(AT "@")
# clawlink.pc: for programs that link the static library too (pkg-config --static).
configure_file(${CMAKE_SOURCE_DIR}/cmake/clawlink.pc.in ${CMAKE_BINARY_DIR}/clawlink.pc @ONLY)

install(TARGETS libclawlink LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${CMAKE_BINARY_DIR}/libclawlink.a DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/clawlink/client.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/clawlink)
# Where it is installed is said at the installation: PREFIX= of `make install`.
install(CODE "
  file(READ \"${CMAKE_BINARY_DIR}/clawlink.pc\" pc)
  string(REPLACE \"@prefix@\" \"\${CMAKE_INSTALL_PREFIX}\" pc \"\${pc}\")
  file(WRITE \"${CMAKE_BINARY_DIR}/installed/clawlink.pc\" \"\${pc}\")")
install(FILES ${CMAKE_BINARY_DIR}/installed/clawlink.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
