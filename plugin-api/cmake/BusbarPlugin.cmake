# busbar_add_plugin(NAME SOURCES file... [CONTRACTS file.json...] [LINK library...])
#
# Makes NAME.so: a module that exports the one symbol `busbar_plugin`. Each contract `user_event.json` becomes a header
# "user_event.contract.h" with `user_event_contract`, an initialiser for a
# `busbar_bytes`, made again when the file changes.

function(busbar_embed_contract target file)
  get_filename_component(path ${file} ABSOLUTE)
  get_filename_component(base ${file} NAME_WE)
  set(header ${CMAKE_CURRENT_BINARY_DIR}/${target}.contracts/${base}.contract.h)
  add_custom_command(OUTPUT ${header}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${path} -DOUTPUT=${header} -DNAME=${base}_contract
            -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/BusbarEmbed.cmake
    DEPENDS ${path} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/BusbarEmbed.cmake
    COMMENT "Embedding ${base}.json" VERBATIM)
  target_sources(${target} PRIVATE ${header})
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/${target}.contracts)
endfunction()

function(busbar_add_plugin name)
  cmake_parse_arguments(ARG "" "" "SOURCES;CONTRACTS;LINK" ${ARGN})
  add_library(${name} MODULE ${ARG_SOURCES})
  foreach(file IN LISTS ARG_CONTRACTS)
    busbar_embed_contract(${name} ${file})
  endforeach()
  set_target_properties(${name} PROPERTIES PREFIX "" C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden)
  if(TARGET busbar::api)
    target_link_libraries(${name} PRIVATE busbar::api)
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  target_link_options(${name} PRIVATE -Wl,-z,relro,-z,now)
  # busbar refuses a plugin that others may write, which a umask of 002 would make it.
  add_custom_command(TARGET ${name} POST_BUILD COMMAND chmod go-w $<TARGET_FILE:${name}> VERBATIM)
endfunction()
