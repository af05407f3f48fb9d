// Printing.
#include "cli/output.h"

#include <algorithm>

#include "telemetry/log.h"

namespace berth::cli {
namespace {

// As append_printable, but a backslash stays one: messages that quote text have escaped it already.
void append_line(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\\'), text.size());
    telemetry::append_printable(out, text.substr(0, end));
    if (end < text.size()) out += '\\';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

void print_line(std::FILE* to, std::string_view text) {
  std::string line;
  append_line(line, text);
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), to);
  std::fflush(to);
}

void print_text(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void print_error(std::string_view message) { print_line(stderr, "berth: " + std::string(message)); }

void print_error(const Error& error) {
  std::string first;
  if (const auto& at = error.position()) {
    first = at->file + ":" + std::to_string(at->line) + ":" + std::to_string(at->column) + ": ";
  }
  print_error(first + error.message());
  std::string_view rest = error.detail();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    print_line(stderr, "  " + std::string(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - row[i].size() + 2, ' ');
    }
    append_line(out, line);
    out += '\n';
  }
  return out;
}

}  // namespace berth::cli
