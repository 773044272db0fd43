# SPDX-License-Identifier: MIT
include(GNUInstallDirs)

# What Agent Link's documentation calls by its file name, to be copied from there.
set(scripts ${CMAKE_SOURCE_DIR}/bindings/python/agent_link_scripts)
install(PROGRAMS ${scripts}/agent_link.py ${scripts}/relay_server.py ${scripts}/setup.py
  DESTINATION ${CMAKE_INSTALL_DATADIR}/clawlink/agent-link COMPONENT python)
install(FILES ${scripts}/agent-link-config.example.json ${scripts}/relay-config.example.json
  DESTINATION ${CMAKE_INSTALL_DATADIR}/clawlink/agent-link COMPONENT python)

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
