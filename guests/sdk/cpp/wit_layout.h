// Included before everything else (-include) in guests with generated bindings. wit-bindgen's C++ writes a
// list's elements, as they cross, over the C++ objects, and so takes both to have one size. libc++ makes
// std::expected smaller than that: it puts its flag into what is left over in its value.
#pragma once

#include <__config>
#pragma push_macro("_LIBCPP_NO_UNIQUE_ADDRESS")
#undef _LIBCPP_NO_UNIQUE_ADDRESS
#define _LIBCPP_NO_UNIQUE_ADDRESS
#include <expected>
#pragma pop_macro("_LIBCPP_NO_UNIQUE_ADDRESS")
