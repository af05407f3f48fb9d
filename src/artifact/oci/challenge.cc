// WWW-Authenticate and Link, by one small reader of header text.
#include "artifact/oci/challenge.h"

#include <fmt/format.h>

#include <algorithm>

#include "artifact/oci/limits.h"

namespace berth::artifact::oci {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").contains(c);
}
bool is_printable(char c) { return c >= 0x20 && c <= 0x7e; }

// Reads a header field from left to right. One thread at a time.
class FieldReader final {
 public:
  explicit FieldReader(std::string_view text) : text_(text) {}

  [[nodiscard]] bool at_end() const { return text_.empty(); }
  [[nodiscard]] bool skip_spaces() {
    const std::size_t n = std::min(text_.find_first_not_of(" \t"), text_.size());
    text_.remove_prefix(n);
    return n > 0;
  }
  [[nodiscard]] bool skip(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  // Of a list: commas and what may stand around them.
  void skip_separators() { text_.remove_prefix(std::min(text_.find_first_not_of(" \t,"), text_.size())); }
  // In lower case; empty when there is none.
  [[nodiscard]] std::string token() {
    std::string out;
    while (!text_.empty() && is_token_character(text_.front())) {
      out += lower(text_.front());
      text_.remove_prefix(1);
    }
    return out;
  }
  // A token in its own case, or a quoted text without its quotes.
  [[nodiscard]] std::optional<std::string> value() {
    std::string out;
    if (!skip('"')) {
      while (!text_.empty() && is_token_character(text_.front())) {
        out += text_.front();
        text_.remove_prefix(1);
      }
      return out.empty() ? std::nullopt : std::optional(out);
    }
    while (!text_.empty()) {
      char c = text_.front();
      text_.remove_prefix(1);
      if (c == '"') return out;
      if (c == '\\' && !text_.empty()) {
        c = text_.front();
        text_.remove_prefix(1);
      }
      if (!is_printable(c)) return std::nullopt;
      out += c;
    }
    return std::nullopt;  // no end
  }
  // Up to and without `end`, which is skipped.
  [[nodiscard]] std::optional<std::string> until(char end) {
    const std::size_t n = text_.find(end);
    if (n == std::string_view::npos || !std::ranges::all_of(text_.substr(0, n), is_printable))
      return std::nullopt;
    std::string out(text_.substr(0, n));
    text_.remove_prefix(n + 1);
    return out;
  }
  [[nodiscard]] std::string_view rest() const { return text_; }
  void restore(std::string_view rest) { text_ = rest; }

 private:
  std::string_view text_;
};

std::unexpected<Error> malformed() {
  return fail(Code::kInvalidArgument, "the registry's WWW-Authenticate header does not follow RFC 9110");
}

// `name = value`; nothing, and nothing read, when the next words are something else.
std::optional<std::pair<std::string, std::string>> parameter(FieldReader& reader) {
  const std::string_view before = reader.rest();
  std::string name = reader.token();
  (void)reader.skip_spaces();
  if (!name.empty() && reader.skip('=')) {
    (void)reader.skip_spaces();
    if (auto value = reader.value()) {
      (void)reader.skip_spaces();
      if (reader.at_end() || reader.rest().starts_with(','))
        return std::pair(std::move(name), std::move(*value));
    }
  }
  reader.restore(before);
  return std::nullopt;
}

// Credentials in one word, as "Negotiate" has them: `token68` of RFC 9110, whose "=" stand at its end. Of no
// use to us, but part of the grammar.
bool skip_token68(FieldReader& reader) {
  const std::string_view before = reader.rest();
  const auto end_of = [&](std::string_view characters, std::size_t from) {
    return std::min(before.find_first_not_of(characters, from), before.size());
  };
  const std::size_t word = end_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/", 0);
  reader.restore(before.substr(end_of("=", word)));
  (void)reader.skip_spaces();
  if (word > 0 && (reader.at_end() || reader.rest().starts_with(','))) return true;
  reader.restore(before);
  return false;
}

// Schemes whose challenges have parameters only (RFC 6750, 3; RFC 7617, 2): with one word, as in "Bearer
// realm=", another reader would see a parameter without a value.
bool has_parameters_only(std::string_view scheme) { return scheme == "bearer" || scheme == "basic"; }

Result<> add(Challenge& challenge, std::pair<std::string, std::string> parameter) {
  if (challenge.find(parameter.first)) {
    return fail(Code::kInvalidArgument,
                fmt::format("the registry's WWW-Authenticate header has \"{}\" twice", parameter.first));
  }
  if (challenge.parameters.size() == kMaxChallengeParameters) {
    return fail(Code::kResourceExhausted, "the registry's WWW-Authenticate header has too many parameters");
  }
  challenge.parameters.push_back(std::move(parameter));
  return {};
}

}  // namespace

std::optional<std::string_view> Challenge::find(std::string_view name) const {
  const auto found =
      std::ranges::find(parameters, name, [](const auto& p) { return std::string_view(p.first); });
  if (found == parameters.end()) return std::nullopt;
  return found->second;
}

Result<std::vector<Challenge>> parse_challenges(std::string_view field) {
  if (field.size() > kMaxChallengeBytes) {
    return fail(
        Code::kResourceExhausted,
        fmt::format("the registry's WWW-Authenticate header has more than {} bytes", kMaxChallengeBytes));
  }
  std::vector<Challenge> out;
  FieldReader reader(field);
  for (reader.skip_separators(); !reader.at_end(); reader.skip_separators()) {
    Challenge challenge{.scheme = reader.token()};
    if (challenge.scheme.empty()) return malformed();
    if (out.size() == kMaxChallenges) {
      return fail(Code::kResourceExhausted, "the registry's WWW-Authenticate header has too many challenges");
    }
    const bool spaced = reader.skip_spaces();
    if (!reader.at_end() && !reader.rest().starts_with(',')) {
      if (!spaced) return malformed();
      if (auto first = parameter(reader)) {
        BERTH_TRY(add(challenge, std::move(*first)));
        // Further ones until a comma is followed by the scheme of another challenge.
        for (std::string_view before = reader.rest(); !reader.at_end(); before = reader.rest()) {
          reader.skip_separators();
          auto next = parameter(reader);
          if (!next) {
            reader.restore(before);
            break;
          }
          BERTH_TRY(add(challenge, std::move(*next)));
        }
      } else if (has_parameters_only(challenge.scheme) || !skip_token68(reader)) {
        return malformed();
      }
    }
    out.push_back(std::move(challenge));
  }
  return out;
}

Result<std::optional<std::string>> parse_next_link(std::string_view field) {
  const auto wrong = [] {
    return fail(Code::kInvalidArgument, "the registry's Link header does not follow RFC 8288");
  };
  if (field.size() > kMaxLinkBytes) {
    return fail(Code::kResourceExhausted,
                fmt::format("the registry's Link header has more than {} bytes", kMaxLinkBytes));
  }
  std::optional<std::string> next;
  FieldReader reader(field);
  for (reader.skip_separators(); !reader.at_end(); reader.skip_separators()) {
    if (!reader.skip('<')) return wrong();
    auto target = reader.until('>');
    if (!target) return wrong();
    bool is_next = false;
    bool has_rel = false;
    for (;;) {
      (void)reader.skip_spaces();
      if (reader.at_end() || reader.rest().starts_with(',')) break;
      if (!reader.skip(';')) return wrong();
      (void)reader.skip_spaces();
      const std::string name = reader.token();
      (void)reader.skip_spaces();
      std::string value;
      if (reader.skip('=')) {
        (void)reader.skip_spaces();
        auto read = reader.value();
        if (!read) return wrong();
        value = std::move(*read);
      }
      // RFC 8288, 3.3: only the first rel counts. Its value is a list of words.
      if (name != "rel" || std::exchange(has_rel, true)) continue;
      std::ranges::transform(value, value.begin(), lower);
      is_next = (" " + value + " ").contains(" next ");
    }
    if (!is_next) continue;
    if (next) return fail(Code::kInvalidArgument, "the registry's Link header has two next pages");
    next = std::move(target);
  }
  return next;
}

}  // namespace berth::artifact::oci
