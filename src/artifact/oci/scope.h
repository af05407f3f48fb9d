// Scope: what a token is asked for, and never more.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace berth::artifact::oci {

enum class Action { kPull, kPush };  // to push includes to pull

// "repository:gather/core:pull". Plain value.
struct Scope {
  std::string repository;
  Action action = Action::kPull;
  bool operator==(const Scope&) const = default;
};

// The scopes to ask for, one text for each repository, in order. `challenged` is what the registry's
// challenge named: from it only the right to read or write metadata of the same repositories is taken over,
// which some registries ask for beside pull and push. Nothing else in it is asked for.
[[nodiscard]] std::vector<std::string> scopes_to_ask(std::span<const Scope> needed,
                                                     std::string_view challenged);

// True when `granted` (the scope of a token server's answer, words with spaces between) holds nothing that
// `asked` does not.
[[nodiscard]] bool within(std::string_view granted, std::span<const std::string> asked);

}  // namespace berth::artifact::oci
