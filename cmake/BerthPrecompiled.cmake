# The headers that nearly every file includes, read once for all of them: cmake/precompiled/std.h for rooms, test.h for
# their tests, cli.h for src/cli. A target asks for one with target_compile_options(target PRIVATE ${BERTH_PRECOMPILED_ROOM}).
#
# Not CMake's own precompiled headers: each clone would have others, and ccache would find nothing of another clone.
# These are made while configuring, in the cache (cmake/precompile.sh).
include_guard(GLOBAL)

# Tests compile in half the time: what they test is optimised, they are not. So do the rooms of a sanitized tree, but for
# those that its tests keep busy.
set(BERTH_TEST_OPTIONS -O0)
set(BERTH_BUSY_ROOMS base telemetry net abi host gather)
set(BERTH_BUSY_OPTIONS)
if(BERTH_SANITIZE)
  set(BERTH_BUSY_OPTIONS -O1)
endif()

# berth_precompiled(VARIABLE HEADER [FLAG…]): VARIABLE becomes the compiler options that use it, with the same flags.
function(berth_precompiled variable header)
  set(path ${CMAKE_SOURCE_DIR}/cmake/precompiled/${header}.h)
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  separate_arguments(flags UNIX_COMMAND "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}}")
  get_directory_property(options COMPILE_OPTIONS)
  execute_process(
    COMMAND ${CMAKE_SOURCE_DIR}/cmake/precompile.sh ${BERTH_CACHE_DIR}/precompiled ${path}
            ${CMAKE_CXX_COMPILER} ${CMAKE_CXX23_EXTENSION_COMPILE_OPTION} ${flags} ${options} ${ARGN}
    OUTPUT_VARIABLE precompiled COMMAND_ERROR_IS_FATAL ANY)
  set(${variable} "SHELL:-include-pch ${precompiled}" PARENT_SCOPE)
endfunction()

berth_precompiled(BERTH_PRECOMPILED_ROOM std -fPIC)
berth_precompiled(BERTH_PRECOMPILED_BUSY std ${BERTH_BUSY_OPTIONS} -fPIC)
berth_precompiled(BERTH_PRECOMPILED_TEST test ${BERTH_TEST_OPTIONS} -fPIE -DGTEST_HAS_PTHREAD=1)
