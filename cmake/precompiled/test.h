// What nearly every GoogleTest program includes; see cmake/BerthPrecompiled.cmake.
#include "std.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
