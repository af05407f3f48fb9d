// Anonymiser: one walk over the bytes of a record.
#include "applications/gather/native/anonymiser.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "applications/gather/native/limits.h"

namespace berth::gather {

namespace {

constexpr std::string_view kPemBegin = "-----BEGIN ";
constexpr std::string_view kPemEnd = "-----END ";
// "-----BEGIN" as base64 has it.
constexpr std::string_view kPemInBase64 = "LS0tLS1CRUdJTi";

constexpr std::string_view kHiddenKeys[] = {
    "bootID",     "systemUUID", "machineID", "httpProxy",
    "httpsProxy", "noProxy",    "caBundle",  "kubectl.kubernetes.io/last-applied-configuration"};
constexpr std::string_view kShownOfProviders[] = {"name", "type", "mappingMethod"};
constexpr std::string_view kNamesInRequests[] = {"subject", "dnsNames", "emailAddresses", "ipAddresses",
                                                 "uris",    "DNSNames", "EmailAddresses", "IPAddresses",
                                                 "URIs",    "Subject",  "request",        "certificate"};

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

template <std::size_t N>
bool is_one_of(std::string_view text, const std::string_view (&all)[N]) {
  return std::ranges::find(all, text) != std::end(all);
}

// Names of variables: HTTP_PROXY, https_proxy, NO_PROXY, ALL_PROXY.
bool is_proxy_variable(std::string_view name) {
  std::string upper(name.substr(0, 16));
  std::ranges::transform(upper, upper.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 32 : c; });
  return upper == "HTTP_PROXY" || upper == "HTTPS_PROXY" || upper == "NO_PROXY" || upper == "ALL_PROXY";
}

// Whether a text that ends with "roxy" ends with a proxy's name: "httpProxy", "HTTPS_PROXY", "--no-proxy".
bool ends_with_proxy(std::string_view text) {
  constexpr std::size_t kLongest = 11;  // of HTTPS_PROXY
  std::string word;
  for (const char c : text.substr(text.size() - std::min(text.size(), kLongest))) {
    if (c != '_' && c != '-') word += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  return word.ends_with("httpproxy") || word.ends_with("httpsproxy") || word.ends_with("noproxy") ||
         word.ends_with("allproxy");
}

// Calls hide(begin, end) for what a line assigns to a proxy. In JSON's texts lines end with \\n.
template <class Hide>
void each_proxy_value(std::string_view text, bool json, Hide hide) {
  for (std::size_t at = text.find_first_of("xX"); at != std::string_view::npos;
       at = text.find_first_of("xX", at + 1)) {
    if (at + 1 >= text.size() || (text[at + 1] | 0x20) != 'y' || !ends_with_proxy(text.substr(0, at + 2)))
      continue;
    std::size_t i = at + 2;
    while (i < text.size() && (text[i] == '"' || text[i] == '\'' || text[i] == ' ' || text[i] == '\\') &&
           !text.substr(i).starts_with("\\n"))
      ++i;
    if (i >= text.size() || (text[i] != ':' && text[i] != '=')) continue;
    const std::size_t begin = i + 1;
    for (i = begin; i < text.size() && text[i] != '\n';) {
      if (!json || text[i] != '\\')
        ++i;
      else if (text.substr(i).starts_with("\\n"))
        break;
      else
        i += text.substr(i).starts_with("\\u") ? 6 : 2;
    }
    const std::size_t end = std::min(i, text.size());
    if (end > begin) hide(begin, end);
    at = end - 1;
  }
}

bool is_shown_label(std::string_view key) {
  if (key == "failure-domain.beta.kubernetes.io/region" || key == "topology.kubernetes.io/region")
    return false;
  return has(key, "openshift.io/") || has(key, "k8s.io/") || has(key, "kubernetes.io/");
}

// How many bytes a string of JSON stands for, given what is between its quotes.
std::size_t decoded_bytes(std::string_view raw) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    ++bytes;
    if (raw[i] != '\\') continue;
    ++i;
    if (i < raw.size() && raw[i] == 'u') i += 4;
  }
  return bytes;
}

// One level of JSON: an object or a list, and the key under which its current value stands.
struct Level {
  bool object = false;
  bool key_next = false;  // a string would be a key
  bool hidden = false;    // everything below
  bool provider = false;  // an identity provider, or a part of one
  std::string_view key;   // of the value that comes; for a list: that of the list
  std::string_view name;  // texts of these keys, once they came
  std::string_view ns;
};

class Walk final {
 public:
  Walk(std::string_view path, std::string_view content, const FoundName& found)
      : content_(content),
        found_(found),
        node_(path.starts_with("config/node/") || has(content, "\"nodeInfo\"")),
        request_(has(content, "CertificateSigningRequest") || has(path, "certificatesigningrequest")) {}

  // Empty: all of it is JSON, and output() is what to keep. Otherwise what is wrong.
  std::string_view walk() {
    for (std::size_t i = 0; i < content_.size(); ++i) {
      const char c = content_[i];
      switch (c) {
        case ' ':
        case '\t':
        case '\r':
        case '\n': break;
        case '{':
        case '[':
          if (!value_may_come()) return "a value where none belongs";
          if (levels_.size() == kMaxJsonDepth) return "nested too deep";
          open(c == '{');
          break;
        case '}':
        case ']':
          if (levels_.empty() || levels_.back().object != (c == '}')) return "brackets that do not match";
          close();
          break;
        case ',':
          if (levels_.empty()) return "more than one value";
          levels_.back().key_next = levels_.back().object;
          break;
        case ':':
          if (levels_.empty() || !levels_.back().object) return "a colon outside of an object";
          levels_.back().key_next = false;
          break;
        case '"': {
          const std::size_t end = end_of_string(i + 1);
          if (end == std::string_view::npos) return "a text without an end";
          const std::string_view raw = content_.substr(i + 1, end - i - 1);
          if (!levels_.empty() && levels_.back().key_next) {
            levels_.back().key = raw;
          } else {
            if (!value_may_come()) return "a value where none belongs";
            text(raw, i + 1, end);
          }
          i = end;
          break;
        }
        default:
          if (static_cast<unsigned char>(c) < 0x20) return "a control character";
          if (levels_.empty() && !scalar_goes_on_) {
            if (!value_may_come()) return "more than one value";
            scalar_goes_on_ = true;
          }
      }
      if (c == ' ' || c == '\n') scalar_goes_on_ = false;
    }
    if (!levels_.empty()) return "cut off";
    if (!began_) return "empty";
    return {};
  }

  std::optional<std::string> output() {
    if (kept_ == 0) return std::nullopt;
    out_.append(content_.substr(kept_));
    return std::move(out_);
  }

 private:
  // At the top there is one value; within, commas are not counted.
  bool value_may_come() {
    if (!levels_.empty()) return !levels_.back().key_next;
    return !std::exchange(began_, true);
  }

  std::size_t end_of_string(std::size_t from) const {
    for (std::size_t i = from; i < content_.size(); ++i) {
      if (content_[i] == '"') return i;
      if (content_[i] == '\\') ++i;
    }
    return std::string_view::npos;
  }

  void open(bool object) {
    Level level{.object = object, .key_next = object};
    if (!levels_.empty()) {
      const Level& outer = levels_.back();
      level.hidden = outer.hidden || (request_ && is_one_of(outer.key, kNamesInRequests)) ||
                     (outer.provider && object && outer.object);
      level.provider = outer.provider || outer.key == "identityProviders";
      if (!object) level.key = outer.key;
    }
    levels_.push_back(level);
  }

  void close() {
    const Level& level = levels_.back();
    if (found_ && !level.ns.empty()) found_(level.ns, level.name);
    levels_.pop_back();
  }

  // A text as a value; `begin` and `end` are those of `raw`.
  void text(std::string_view raw, std::size_t begin, std::size_t end) {
    if (levels_.empty()) {
      if (is_pem(raw)) hide(begin, end);
      return;
    }
    Level& level = levels_.back();
    if (level.object) {
      if (level.key == "name") level.name = raw;
      if (level.key == "namespace") level.ns = raw;
    }
    if (is_hidden(level, raw)) return hide(begin, end);
    each_proxy_value(raw, true, [&](std::size_t from, std::size_t to) { hide(begin + from, begin + to); });
  }

  static bool is_pem(std::string_view raw) { return raw.starts_with(kPemInBase64) || has(raw, kPemBegin); }

  bool is_hidden(const Level& level, std::string_view raw) const {
    if (level.hidden || is_pem(raw) || is_one_of(level.key, kHiddenKeys)) return true;
    if (level.provider) return !level.object || !is_one_of(level.key, kShownOfProviders);
    if (level.key == "value" && is_proxy_variable(level.name)) return true;
    if (request_ && is_one_of(level.key, kNamesInRequests)) return true;
    return node_ && in_node_metadata() && !is_shown_label(level.key);
  }

  bool in_node_metadata() const {
    if (levels_.size() < 3) return false;
    const std::string_view what = levels_[levels_.size() - 2].key;
    return (what == "labels" || what == "annotations") && levels_[levels_.size() - 3].key == "metadata";
  }

  void hide(std::size_t begin, std::size_t end) {
    out_.append(content_.substr(kept_, begin - kept_));
    out_.append(decoded_bytes(content_.substr(begin, end - begin)), 'x');
    kept_ = end;
  }

  const std::string_view content_;
  const FoundName& found_;
  const bool node_;
  const bool request_;
  std::vector<Level> levels_;
  bool began_ = false;
  bool scalar_goes_on_ = false;  // at the top
  std::string out_;
  std::size_t kept_ = 0;  // of the content, in out_
};

// Of a text that is no JSON: what stands in PEM, and proxies.
std::optional<std::string> without_secrets(std::string_view content) {
  std::string out;
  each_proxy_value(content, false, [&](std::size_t from, std::size_t to) {
    if (out.empty()) out = content;
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(from), out.begin() + static_cast<std::ptrdiff_t>(to),
              'x');
  });
  std::size_t at = content.find(kPemBegin);
  if (at == std::string_view::npos) return out.empty() ? std::nullopt : std::optional(std::move(out));
  if (out.empty()) out = content;
  while (at != std::string_view::npos) {
    const std::size_t begin = at + kPemBegin.size();
    const std::size_t end = std::min(content.find(kPemEnd, begin), content.size());
    // The label goes too: it ends with the line.
    for (std::size_t i = begin; i < end; ++i) {
      if (out[i] != '\n' && out[i] != '\r') out[i] = 'x';
    }
    at = content.find(kPemBegin, end);
  }
  return out;
}

}  // namespace

Result<std::optional<std::string>> anonymised(std::string_view path, std::string_view content,
                                              const FoundName& found) {
  const bool must_be_json = path.ends_with(".json");
  const std::size_t first = content.find_first_not_of(" \t\r\n");
  const bool may_be_json =
      first != std::string_view::npos && (content[first] == '{' || content[first] == '[');
  if (must_be_json || may_be_json) {
    Walk walk(path, content, found);
    const std::string_view wrong = walk.walk();
    if (wrong.empty()) return walk.output();
    if (must_be_json)
      return fail(Code::kInvalidArgument,
                  fmt::format("the path ends with .json and the content is no JSON: {}", wrong));
  }
  return without_secrets(content);
}

}  // namespace berth::gather
