# SPDX-License-Identifier: MIT
include(GNUInstallDirs)

# What Agent Link's documentation calls by its file name, to be copied from there.
file(GLOB scripts ${CMAKE_SOURCE_DIR}/bindings/python/agent_link_scripts/*.py)
file(GLOB examples ${CMAKE_SOURCE_DIR}/bindings/python/agent_link_scripts/*.json)
install(PROGRAMS ${scripts} DESTINATION ${CMAKE_INSTALL_DATADIR}/clawlink/agent-link
  COMPONENT python)
install(FILES ${examples} DESTINATION ${CMAKE_INSTALL_DATADIR}/clawlink/agent-link
  COMPONENT python)

# bindings/python goes where python3 finds it, which depends on the prefix of the installation;
# PYTHON_DIR in the environment names another folder. Without python3 it is left out.
install(CODE "
  set(folder \"\$ENV{PYTHON_DIR}\")
  if(folder STREQUAL \"\")
    execute_process(COMMAND \"${CMAKE_SOURCE_DIR}/tools/python-dir\" \"\${CMAKE_INSTALL_PREFIX}\"
      OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
  if(folder STREQUAL \"\")
    message(STATUS \"Without the Python package agent_link: there is no python3\")
  else()
    file(GLOB files \"${CMAKE_SOURCE_DIR}/bindings/python/agent_link/*.py\")
    file(INSTALL DESTINATION \"\${folder}/agent_link\" TYPE FILE FILES \${files})
  endif()"
  COMPONENT python)
