// What nearly every file of src/cli includes; see cmake/BerthPrecompiled.cmake.
#include "std.h"

#include <CLI/CLI.hpp>
