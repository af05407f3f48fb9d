# berth_bindings(TARGET WIT_DIR WORLD [ASYNC "iface#func"...] [NAMESPACE ns]): an interface target whose
# users can include <bindings/TARGET.h>, generated from the WIT at build time.
include_guard(GLOBAL)
find_program(BERTH_WASM_TOOLS wasm-tools HINTS $ENV{BERTH_TOOLS} $ENV{HOME}/.cache/berth/tools/bin)

function(berth_bindings target wit_dir world)
  cmake_parse_arguments(B "" "NAMESPACE" "ASYNC" ${ARGN})
  if(NOT BERTH_WASM_TOOLS)
    message(FATAL_ERROR "berth_bindings(${target}): wasm-tools is not found. Run ./dev setup, or set BERTH_TOOLS.")
  endif()
  get_filename_component(wit ${wit_dir} ABSOLUTE)
  set(include_dir ${CMAKE_CURRENT_BINARY_DIR}/${target}.bindings)
  set(header ${include_dir}/bindings/${target}.h)
  file(MAKE_DIRECTORY ${include_dir}/bindings)
  if(IS_DIRECTORY ${wit})
    file(GLOB_RECURSE wit_files CONFIGURE_DEPENDS ${wit}/*.wit)
  else()
    set(wit_files ${wit})
  endif()
  set(args ${wit} ${world} -o ${header} --wasm-tools ${BERTH_WASM_TOOLS})
  foreach(name ${B_ASYNC})
    list(APPEND args --async ${name})
  endforeach()
  if(B_NAMESPACE)
    list(APPEND args --namespace ${B_NAMESPACE})
  endif()
  add_custom_command(
    OUTPUT ${header}
    COMMAND berth-bindgen ${args}
    DEPENDS ${wit_files} berth-bindgen
    COMMENT "bindings: ${world} -> bindings/${target}.h"
    VERBATIM)
  add_custom_target(${target}_header DEPENDS ${header})
  add_library(${target} INTERFACE)
  add_dependencies(${target} ${target}_header)
  target_include_directories(${target} INTERFACE ${include_dir})
  target_link_libraries(${target} INTERFACE berth_abi)
endfunction()
