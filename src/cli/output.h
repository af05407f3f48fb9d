// What the program prints: errors, lines and tables, with nothing in them that acts on a terminal.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace berth::cli {

// One line; control characters are escaped.
void print_line(std::FILE* to, std::string_view text);
// Text that is ours, as it is.
void print_text(std::string_view text);
// "berth: MESSAGE", with the detail's lines indented below.
void print_error(std::string_view message);
void print_error(const Error& error);

// Columns padded to their widest cell, two spaces between. The first row is the heading.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows);

}  // namespace berth::cli
