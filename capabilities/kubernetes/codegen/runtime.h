// What every generated client begins with: the files in runtime/, as data of the program.
#pragma once

#include <string_view>

namespace berth::kubernetes::codegen {

[[nodiscard]] std::string_view runtime_view();  // C++, first part
[[nodiscard]] std::string_view runtime_cpp();   // C++, after wit-bindgen's header
[[nodiscard]] std::string_view runtime_go();

}  // namespace berth::kubernetes::codegen
