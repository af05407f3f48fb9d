# How guests are built: each function makes ${CMAKE_BINARY_DIR}/guests/NAME.wasm and a target guest_NAME.
#
#   berth_cpp_guest(NAME WIT_DIR dir WORLD world SOURCES a.cpp b.cpp… [WIT_DEPS dir…] [DEFINES X=1…] [FLAGS -O2…] [HEADERS generated.h…] [OUTPUT file])
#   berth_c_guest(NAME …the same…)
#   berth_js_guest(NAME WIT_DIR dir WORLD world SOURCE app.js [WIT_DEPS dir…] [OUTPUT file])
#   berth_py_guest(NAME WIT_DIR dir WORLD world SOURCES app.py more.py… [WIT_DEPS dir…] [OUTPUT file])
#   berth_script_guest(NAME WIT_DIR dir FOLDER dir [WIT_DEPS dir…] [FILES generated…] [OUTPUT file])     any language: the
#       folder's build.sh makes store.wasm of it, with the WIT laid into wit/ and FILES beside it; see cmake/with_guest_tools.sh
#   berth_c_command(NAME SOURCES main.c… [OUTPUT file])     a preview-1 core module with main()
#   berth_wat_component(NAME file.wat [OUTPUT file])        a component (or module) written as text
#
# WIT_DIR holds the guest's world. Each WIT_DEPS folder is one WIT package the world uses; it is laid
# into deps/ of a copy, so that contracts are written once, under wit/. Relative paths start at the
# calling CMakeLists.txt. A test that reads a guest says add_dependencies(test guest_NAME).
#
# The tools (wit-bindgen, wasm-tools, componentize-qjs, componentize-py, Rust) are those `./dev setup` puts into the cache.

set(BERTH_CACHE_DIR "$ENV{BERTH_CACHE}")
if(NOT BERTH_CACHE_DIR)
  set(BERTH_CACHE_DIR "$ENV{HOME}/.cache/berth")
endif()
set(BERTH_TOOLS_BIN "${BERTH_CACHE_DIR}/tools/bin")
set(BERTH_GUEST_SDK "${CMAKE_SOURCE_DIR}/guests/sdk")
set(BERTH_WASM_FLAGS --target=wasm32-wasi -Wno-deprecated -Os -Wall -Wextra -Werror=return-type)

# Guests are the same whatever the host is built with, so a sanitized tree builds only those its
# tests ask for.
if(BERTH_SANITIZE)
  set(BERTH_GUESTS_ALL "")
else()
  set(BERTH_GUESTS_ALL ALL)
endif()

# Finds a tool that `./dev setup` installs, or fails with that advice.
function(berth_guest_tool variable name)
  find_program(${variable} ${name} PATHS ${BERTH_TOOLS_BIN} NO_DEFAULT_PATH)
  if(NOT ${variable})
    message(FATAL_ERROR "${name} is not in ${BERTH_TOOLS_BIN}. Run ./dev setup first: it installs the guest tools.")
  endif()
endfunction()

# Lays WIT_DIR and its WIT_DEPS together; `out` is the folder to use, `files` what it depends on.
function(berth_guest_wit out files name wit_dir)
  get_filename_component(wit_dir ${wit_dir} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${wit_dir}/*.wit)
  if(NOT sources)
    message(FATAL_ERROR "guest ${name}: WIT_DIR ${wit_dir} holds no .wit file")
  endif()
  if(NOT ARGN)
    set(${out} ${wit_dir} PARENT_SCOPE)
    set(${files} ${sources} PARENT_SCOPE)
    return()
  endif()
  set(staged ${CMAKE_BINARY_DIR}/guests/${name}.dir/wit)
  set(commands COMMAND ${CMAKE_COMMAND} -E rm -rf ${staged} COMMAND ${CMAKE_COMMAND} -E copy_directory ${wit_dir} ${staged})
  foreach(dep IN LISTS ARGN)
    get_filename_component(dep ${dep} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
    get_filename_component(folder ${dep} NAME)
    file(GLOB dep_sources CONFIGURE_DEPENDS ${dep}/*.wit)
    if(NOT dep_sources)
      message(FATAL_ERROR "guest ${name}: WIT_DEPS ${dep} holds no .wit file")
    endif()
    list(APPEND sources ${dep_sources})
    list(APPEND commands COMMAND ${CMAKE_COMMAND} -E make_directory ${staged}/deps/${folder}
                         COMMAND ${CMAKE_COMMAND} -E copy ${dep_sources} ${staged}/deps/${folder})
  endforeach()
  set(stamp ${CMAKE_BINARY_DIR}/guests/${name}.dir/wit.stamp)
  add_custom_command(OUTPUT ${stamp} ${commands} COMMAND ${CMAKE_COMMAND} -E touch ${stamp} DEPENDS ${sources} VERBATIM)
  set(${out} ${staged} PARENT_SCOPE)
  set(${files} ${stamp} PARENT_SCOPE)
endfunction()

# One wasm object per source, with the headers it includes tracked.
function(berth_guest_objects out name bindings after)
  cmake_parse_arguments(O "" "" "SOURCES;DEFINES;FLAGS" ${ARGN})
  set(objects)
  foreach(source IN LISTS O_SOURCES)
    get_filename_component(path ${source} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
    get_filename_component(base ${path} NAME)
    get_filename_component(folder ${path} DIRECTORY)
    get_filename_component(folder ${folder} NAME)
    set(object ${CMAKE_BINARY_DIR}/guests/${name}.dir/obj/${folder}-${base}.o)
    if(base MATCHES "\\.c$")
      set(compile ${CMAKE_C_COMPILER} -std=c17)
    else()
      set(compile ${CMAKE_CXX_COMPILER} -std=c++23 -fno-exceptions -fno-rtti -include ${BERTH_GUEST_SDK}/cpp/wit_layout.h)
    endif()
    set(strict)
    if(path MATCHES "^${CMAKE_BINARY_DIR}/")
      set(strict -w) # generated: its warnings are not ours
    endif()
    list(TRANSFORM O_DEFINES PREPEND -D OUTPUT_VARIABLE defines)
    add_custom_command(OUTPUT ${object}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/guests/${name}.dir/obj
      COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${compile} ${BERTH_WASM_FLAGS} ${strict} ${defines} ${O_FLAGS} -I${bindings}
              -MD -MF ${object}.d -MT ${object} -c ${path} -o ${object}
      DEPENDS ${path} ${after} DEPFILE ${object}.d VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(${out} ${objects} PARENT_SCOPE)
endfunction()

# The last steps that every kind of guest shares: where the file goes and what its target is called.
function(berth_guest_output out name given)
  if(given)
    get_filename_component(given ${given} ABSOLUTE BASE_DIR ${CMAKE_BINARY_DIR})
    set(${out} ${given} PARENT_SCOPE)
  else()
    set(${out} ${CMAKE_BINARY_DIR}/guests/${name}.wasm PARENT_SCOPE)
  endif()
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/guests)
endfunction()

function(berth_native_guest language name)
  cmake_parse_arguments(G "" "WIT_DIR;WORLD;OUTPUT" "SOURCES;WIT_DEPS;DEFINES;FLAGS;HEADERS" ${ARGN})
  if(G_UNPARSED_ARGUMENTS OR NOT (G_WIT_DIR AND G_WORLD AND G_SOURCES))
    message(FATAL_ERROR "guest ${name}: needs WIT_DIR, WORLD and SOURCES (see cmake/BerthGuests.cmake); not understood: '${G_UNPARSED_ARGUMENTS}'")
  endif()
  berth_guest_tool(BERTH_WIT_BINDGEN wit-bindgen)
  berth_guest_tool(BERTH_WASM_TOOLS wasm-tools)
  berth_guest_wit(wit wit_files ${name} ${G_WIT_DIR} ${G_WIT_DEPS})
  berth_guest_output(output ${name} "${G_OUTPUT}")

  set(bindings ${CMAKE_BINARY_DIR}/guests/${name}.dir/bindings)
  string(REPLACE "-" "_" snake ${G_WORLD})
  if(language STREQUAL cpp)
    set(generated ${bindings}/${snake}.cpp)
  else()
    set(generated ${bindings}/${snake}.c)
  endif()
  set(component_type ${bindings}/${snake}_component_type.o)
  add_custom_command(OUTPUT ${generated} ${component_type}
    COMMAND ${CMAKE_SOURCE_DIR}/cmake/quietly.sh ${BERTH_WIT_BINDGEN} ${language} --world ${G_WORLD} --out-dir ${bindings} ${wit}
    DEPENDS ${wit_files} COMMENT "guest ${name}: bindings of world ${G_WORLD}" VERBATIM)

  berth_guest_objects(objects ${name} ${bindings} "${generated};${G_HEADERS}" SOURCES ${G_SOURCES} ${generated}
    ${BERTH_GUEST_SDK}/cpp/nowasi.c ${BERTH_GUEST_SDK}/cpp/stack_chk.c DEFINES ${G_DEFINES} FLAGS ${G_FLAGS})
  set(core ${CMAKE_BINARY_DIR}/guests/${name}.dir/core.wasm)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_CXX_COMPILER} --target=wasm32-wasi -Wno-deprecated -mexec-model=reactor ${objects} ${component_type} -Wl,--strip-debug -o ${core}
    COMMAND ${BERTH_WASM_TOOLS} component new ${core} -o ${output}.new
    COMMAND ${CMAKE_COMMAND} -E rename ${output}.new ${output} # in one step: a running host may watch it
    DEPENDS ${objects} ${component_type} COMMENT "guest ${name}" VERBATIM)
  add_custom_target(guest_${name} ${BERTH_GUESTS_ALL} DEPENDS ${output})
endfunction()

function(berth_cpp_guest name)
  berth_native_guest(cpp ${name} ${ARGN})
endfunction()

function(berth_c_guest name)
  berth_native_guest(c ${name} ${ARGN})
endfunction()

function(berth_c_command name)
  cmake_parse_arguments(G "" "OUTPUT" "SOURCES" ${ARGN})
  berth_guest_output(output ${name} "${G_OUTPUT}")
  berth_guest_objects(objects ${name} ${CMAKE_CURRENT_SOURCE_DIR} "" SOURCES ${G_SOURCES} ${BERTH_GUEST_SDK}/cpp/stack_chk.c)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_C_COMPILER} --target=wasm32-wasi -Wno-deprecated ${objects} -Wl,--strip-debug -o ${output}
    DEPENDS ${objects} COMMENT "guest ${name}" VERBATIM)
  add_custom_target(guest_${name} ${BERTH_GUESTS_ALL} DEPENDS ${output})
endfunction()

function(berth_js_guest name)
  cmake_parse_arguments(G "" "WIT_DIR;WORLD;SOURCE;OUTPUT" "WIT_DEPS" ${ARGN})
  if(G_UNPARSED_ARGUMENTS OR NOT (G_WIT_DIR AND G_WORLD AND G_SOURCE))
    message(FATAL_ERROR "guest ${name}: needs WIT_DIR, WORLD and SOURCE (see cmake/BerthGuests.cmake); not understood: '${G_UNPARSED_ARGUMENTS}'")
  endif()
  berth_guest_tool(BERTH_COMPONENTIZE_QJS componentize-qjs)
  berth_guest_wit(wit wit_files ${name} ${G_WIT_DIR} ${G_WIT_DEPS})
  berth_guest_output(output ${name} "${G_OUTPUT}")
  get_filename_component(source ${G_SOURCE} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E env "PATH=${BERTH_TOOLS_BIN}:$ENV{PATH}" # its node may be there
            ${CMAKE_SOURCE_DIR}/cmake/quietly.sh ${BERTH_COMPONENTIZE_QJS} --sync --stub-wasi --opt-size
            --wit ${wit} --world ${G_WORLD} --js ${source} --output ${output}
    DEPENDS ${source} ${wit_files} COMMENT "guest ${name}" VERBATIM)
  add_custom_target(guest_${name} ${BERTH_GUESTS_ALL} DEPENDS ${output})
endfunction()

# The first of SOURCES is the application's module; it imports the others by name.
function(berth_py_guest name)
  cmake_parse_arguments(G "" "WIT_DIR;WORLD;OUTPUT" "SOURCES;WIT_DEPS" ${ARGN})
  if(G_UNPARSED_ARGUMENTS OR NOT (G_WIT_DIR AND G_WORLD AND G_SOURCES))
    message(FATAL_ERROR "guest ${name}: needs WIT_DIR, WORLD and SOURCES (see cmake/BerthGuests.cmake); not understood: '${G_UNPARSED_ARGUMENTS}'")
  endif()
  berth_guest_tool(BERTH_COMPONENTIZE_PY componentize-py)
  berth_guest_wit(wit wit_files ${name} ${G_WIT_DIR} ${G_WIT_DEPS})
  berth_guest_output(output ${name} "${G_OUTPUT}")
  set(sources)
  foreach(source IN LISTS G_SOURCES)
    get_filename_component(source ${source} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
    list(APPEND sources ${source})
  endforeach()
  list(GET sources 0 app)
  get_filename_component(app ${app} NAME_WE)
  # A folder of its own: the interpreter writes its caches beside what it imports.
  set(modules ${CMAKE_BINARY_DIR}/guests/${name}.dir/modules)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${modules}
    COMMAND ${CMAKE_COMMAND} -E copy ${sources} ${modules}
    COMMAND ${CMAKE_SOURCE_DIR}/cmake/quietly.sh ${BERTH_COMPONENTIZE_PY} -d ${wit} -w ${G_WORLD}
            componentize --stub-wasi -p ${modules} ${app} -o ${output}
    DEPENDS ${sources} ${wit_files} COMMENT "guest ${name}" VERBATIM)
  add_custom_target(guest_${name} ${BERTH_GUESTS_ALL} DEPENDS ${output})
endfunction()

function(berth_script_guest name)
  cmake_parse_arguments(G "" "WIT_DIR;FOLDER;OUTPUT" "WIT_DEPS;FILES" ${ARGN})
  if(G_UNPARSED_ARGUMENTS OR NOT (G_WIT_DIR AND G_FOLDER))
    message(FATAL_ERROR "guest ${name}: needs WIT_DIR and FOLDER (see cmake/BerthGuests.cmake); not understood: '${G_UNPARSED_ARGUMENTS}'")
  endif()
  berth_guest_wit(wit wit_files ${name} ${G_WIT_DIR} ${G_WIT_DEPS})
  berth_guest_output(output ${name} "${G_OUTPUT}")
  get_filename_component(folder ${G_FOLDER} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*)
  set(work ${CMAKE_BINARY_DIR}/guests/${name}.dir/work)
  set(copy_files)
  if(G_FILES)
    set(copy_files COMMAND cp -p ${G_FILES} ${work})
  endif()
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${work}
    COMMAND cp -pr ${folder} ${work} # with the times of the files: cargo compares them
    COMMAND cp -pr ${wit} ${work}/wit
    ${copy_files}
    COMMAND ${CMAKE_SOURCE_DIR}/cmake/quietly.sh ${CMAKE_SOURCE_DIR}/cmake/with_guest_tools.sh ${work}/build.sh
    COMMAND ${CMAKE_COMMAND} -E rename ${work}/store.wasm ${output}
    DEPENDS ${sources} ${wit_files} ${G_FILES} ${CMAKE_SOURCE_DIR}/cmake/with_guest_tools.sh COMMENT "guest ${name}" VERBATIM)
  add_custom_target(guest_${name} ${BERTH_GUESTS_ALL} DEPENDS ${output})
endfunction()

function(berth_wat_component name source)
  cmake_parse_arguments(G "" "OUTPUT" "" ${ARGN})
  berth_guest_tool(BERTH_WASM_TOOLS wasm-tools)
  berth_guest_output(output ${name} "${G_OUTPUT}")
  get_filename_component(source ${source} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
  add_custom_command(OUTPUT ${output} COMMAND ${BERTH_WASM_TOOLS} parse ${source} -o ${output}
    DEPENDS ${source} COMMENT "guest ${name}" VERBATIM)
  add_custom_target(guest_${name} ${BERTH_GUESTS_ALL} DEPENDS ${output})
endfunction()
