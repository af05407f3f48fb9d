// What the tests of bad manifests share.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/manifest.h"

namespace berth::manifest {

// Each bad text with the first problem it must give, place and all.
struct Bad {
  friend void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.text; }

  const char* name;
  std::string_view text;
  std::string_view problem;
};

// The problems of what was read from "m.yaml" as "line:column: message"; none if it is good.
std::vector<std::string> problems_in(const auto& read) {
  std::vector<std::string> out;
  if (read) return out;
  for (const Error& e : read.error().errors()) {
    EXPECT_EQ(e.position()->file, "m.yaml");
    out.push_back(std::to_string(e.position()->line) + ":" + std::to_string(e.position()->column) + ": " +
                  e.message());
  }
  return out;
}

}  // namespace berth::manifest
