// Obfuscator: three walks over a text, each linear.
#include "applications/gather/native/obfuscator.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "applications/gather/native/limits.h"
#include "applications/gather/native/state_file.h"

namespace berth::gather {

namespace {

using Json = nlohmann::json;

constexpr std::string_view kDomain = "<CLUSTER_BASE_DOMAIN>";
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kPseudonymDigits = 10;
// Shorter names are words of their own nearly everywhere.
constexpr std::size_t kMinNameBytes = 3;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_label(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-'; }

bool is_product(std::string_view ns) {
  return ns == "default" || ns == "openshift" || ns.starts_with("kube-") || ns.starts_with("openshift-");
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), &size);
  return {reinterpret_cast<const char*>(out.data()), size};
}

int prefix_of(const net::Cidr& range) {
  const std::string text = range.to_string();
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) return text.find(':') == std::string::npos ? 32 : 128;
  return std::atoi(text.c_str() + slash + 1);
}

// Dotted decimal as it is written, leading zeros too; nothing for anything else.
std::optional<net::IpAddress> parse_v4(std::string_view text) {
  std::array<std::uint8_t, 4> bytes{};
  std::size_t part = 0;
  std::size_t digits = 0;
  unsigned value = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && is_digit(text[i])) {
      if (++digits > 3) return std::nullopt;
      value = value * 10 + static_cast<unsigned>(text[i] - '0');
      continue;
    }
    if (digits == 0 || value > 255 || part == bytes.size()) return std::nullopt;
    bytes[part++] = static_cast<std::uint8_t>(value);
    digits = value = 0;
  }
  if (part != bytes.size()) return std::nullopt;
  return net::IpAddress::v4(bytes);
}

// "/16" after an address; how long it is, and the number.
std::optional<std::pair<std::size_t, int>> parse_prefix(std::string_view after) {
  if (!after.starts_with('/')) return std::nullopt;
  std::size_t end = 1;
  while (end < after.size() && end < 5 && is_digit(after[end])) ++end;
  if (end == 1 || end == 5) return std::nullopt;
  return std::pair(end, std::atoi(std::string(after.substr(1, end - 1)).c_str()));
}

}  // namespace

// ---- addresses -------------------------------------------------------------------------------

AddressTable::AddressTable(std::vector<net::Cidr> networks) {
  for (net::Cidr& range : networks) {
    const int prefix = prefix_of(range);
    const std::string text = range.to_string();
    const auto base = net::IpAddress::parse(text.substr(0, text.find('/')));
    if (!base) continue;
    const int bits = (base->is_v4() ? 32 : 128) - prefix;
    Network network{.range = std::move(range), .next = 1, .last = 0, .base = {}};
    // The last one of IPv4 is for broadcasts.
    network.last = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    if (base->is_v4() && bits > 1) --network.last;
    std::ranges::copy(base->bytes(), network.base.begin());
    networks_.push_back(std::move(network));
  }
}

std::string AddressTable::replacement(const net::IpAddress& address) {
  const std::string nowhere = address.is_v4() ? "0.0.0.0" : "::";
  const std::string text = address.to_string();
  if (const auto found = known_.find(text); found != known_.end()) return found->second;
  for (Network& network : networks_) {
    if (!network.range.contains(address)) continue;
    if (network.next > network.last || known_.size() >= kMaxAddresses) return nowhere;
    auto bytes = network.base;
    const std::size_t size = address.bytes().size();
    std::uint64_t host = network.next++;
    for (std::size_t i = size; i > 0 && host > 0; host >>= 8U) bytes[--i] |= static_cast<std::uint8_t>(host);
    const auto other = address.is_v4() ? net::IpAddress::v4(std::span<const std::uint8_t, 4>(bytes.data(), 4))
                                       : net::IpAddress::v6(bytes);
    grew_ = true;
    return known_[text] = other.to_string();
  }
  return nowhere;
}

void AddressTable::restore(std::string from, std::string to) {
  const auto address = net::IpAddress::parse(to);
  if (!address) return;
  for (Network& network : networks_) {
    if (!network.range.contains(*address)) continue;
    std::uint64_t host = 0;
    const auto bytes = address->bytes();
    for (std::size_t i = 0; i < bytes.size(); ++i)
      host = (host << 8U) | static_cast<std::uint8_t>(bytes[i] & ~network.base[i]);
    network.next = std::max(network.next, host + 1);
    break;
  }
  known_.emplace(std::move(from), std::move(to));
}

// ---- the file --------------------------------------------------------------------------------

Result<std::unique_ptr<Obfuscator>> Obfuscator::open(const Obfuscation& what,
                                                     const std::filesystem::path& folder,
                                                     std::string_view cluster) {
  std::filesystem::path file;
  if (!folder.empty())
    file = folder / fmt::format(".obfuscation-{}.json", hex(hmac("", cluster)).substr(0, kPseudonymDigits));
  std::unique_ptr<Obfuscator> out(new Obfuscator(what, std::move(file)));
  BERTH_TRY(out->load());
  return out;
}

Obfuscator::Obfuscator(const Obfuscation& what, std::filesystem::path file)
    : what_(what), file_(std::move(file)), addresses_(what.networks) {}

Result<> Obfuscator::load() {
  const auto wrong = [this] {
    return fail(Code::kFailedPrecondition,
                file_.string() +
                    ": not the table that berth wrote; restore it, or remove it and have other "
                    "names from now on");
  };
  std::string text;
  if (!file_.empty()) {
    auto read = read_small_file(file_, kMaxTableBytes);
    if (read) {
      text = *std::move(read);
    } else if (read.error().code() != Code::kNotFound) {
      return fail(std::move(read).error());
    }
  }
  if (text.empty()) {
    std::string key(kKeyBytes, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), kKeyBytes) != 1)
      return fail(Code::kInternal, "the system gives no random numbers");
    key_ = Secret(hex(key));
    new_key_ = true;
    return {};
  }
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return wrong();
  const auto key = json.find("key");
  const auto addresses = json.find("addresses");
  if (key == json.end() || !key->is_string() || addresses == json.end() || !addresses->is_object())
    return wrong();
  key_ = Secret(key->get<std::string>());
  for (const auto& [from, to] : addresses->items()) {
    if (!to.is_string()) return wrong();
    addresses_.restore(from, to.get<std::string>());
  }
  return {};
}

Result<> Obfuscator::save() {
  const std::lock_guard lock(mutex_);
  if (file_.empty() || !(new_key_ || addresses_.grew())) return {};
  Json json = {{"key", key_.reveal()}, {"addresses", Json::object()}};
  for (const auto& [from, to] : addresses_.known()) json["addresses"][from] = to;
  return write_small_file(file_, json.dump());
}

// ---- names -----------------------------------------------------------------------------------

std::string Obfuscator::pseudonym(std::string_view name) const {
  return "x-" + hex(hmac(key_.reveal(), name)).substr(0, kPseudonymDigits);
}

void Obfuscator::add_name(std::string_view name) {
  const bool fits = name.size() >= kMinNameBytes && name.size() <= kMaxPartBytes && is_alnum(name.front()) &&
                    std::ranges::all_of(name, [](char c) { return is_label(c) || c == '.'; });
  if (!fits || names_.size() >= kMaxObfuscatedNames) return;
  const auto [at, added] = names_.try_emplace(std::string(name));
  if (added) at->second = pseudonym(name);
}

void Obfuscator::found(std::string_view ns, std::string_view name) {
  if (!what_.workload_names || is_product(ns)) return;
  const std::lock_guard lock(mutex_);
  add_name(ns);
  add_name(name);
}

void Obfuscator::found_in_path(std::string_view path) {
  // Where a namespace stands, and then a name.
  struct Pattern {
    std::string_view prefix;
    std::size_t name_after;  // parts between them; 0: none is meant
  };
  constexpr Pattern kPatterns[] = {
      {"config/pod/", 1}, {"events/", 0}, {"namespaces/", 0}, {"config/pdbs/", 1}, {"config/configmaps/", 1}};
  for (const Pattern& pattern : kPatterns) {
    if (!path.starts_with(pattern.prefix)) continue;
    std::string_view rest = path.substr(pattern.prefix.size());
    const auto part = [&] {
      const std::size_t end = std::min(rest.find('/'), rest.size());
      std::string_view out = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (rest.empty() && out.ends_with(".json")) out.remove_suffix(5);
      return out;
    };
    const std::string_view ns = part();
    std::string_view name;
    if (pattern.name_after == 1) name = part();
    if (name == "logs") name = part();
    return found(ns, name);
  }
}

// ---- texts -----------------------------------------------------------------------------------

void Obfuscator::obfuscate(std::string& text) {
  replace_domains(text);
  if (what_.addresses) replace_addresses(text);
  if (what_.workload_names) replace_names(text);
}

void Obfuscator::replace_domains(std::string& text) const {
  for (const std::string& domain : what_.base_domains) {
    std::size_t at = text.find(domain);
    if (at == std::string::npos) continue;
    std::string out;
    std::size_t kept = 0;
    for (; at != std::string::npos; at = text.find(domain, kept)) {
      out.append(text, kept, at - kept).append(kDomain);
      kept = at + domain.size();
    }
    text = out.append(text, kept);
  }
}

void Obfuscator::replace_addresses(std::string& text) {
  const std::string_view all = text;
  std::string out;
  std::size_t kept = 0;
  const auto replace = [&](std::size_t begin, std::size_t end, const net::IpAddress& address) {
    const auto prefix = parse_prefix(all.substr(end));
    if (prefix) {
      // A range stays; an address of one with its prefix is an address.
      const auto range = net::Cidr::parse(fmt::format("{}/{}", address.to_string(), prefix->second));
      if (range) return;
    }
    const std::lock_guard lock(mutex_);
    out.append(all.substr(kept, begin - kept)).append(addresses_.replacement(address));
    kept = end;
  };
  for (std::size_t i = 0; i < all.size();) {
    if (!is_hex(all[i]) && all[i] != ':') {
      ++i;
      continue;
    }
    std::size_t end = i;
    std::size_t colons = 0;
    std::size_t dots = 0;
    for (; end < all.size() && (is_hex(all[end]) || all[end] == ':' || all[end] == '.'); ++end) {
      if (all[end] == ':') ++colons;
      if (all[end] == '.') ++dots;
    }
    const std::size_t begin = std::exchange(i, end);
    if (colons >= 2 && end - begin <= kMaxAddressText) {
      std::string_view run = all.substr(begin, end - begin);
      while (run.ends_with('.') || (run.ends_with(':') && !run.ends_with("::"))) run.remove_suffix(1);
      const bool word_before = begin > 0 && (is_alnum(all[begin - 1]) || all[begin - 1] == '_') &&
                               !(begin > 1 && all[begin - 2] == '\\');
      const bool word_after = end < all.size() && (is_alnum(all[end]) || all[end] == '_');
      const auto address = net::IpAddress::parse(run);
      if (!word_before && !word_after && address && !address->is_v4()) {
        if (!address->is_loopback() && address->classify() != net::AddressClass::kUnspecified)
          replace(begin, begin + run.size(), *address);
        continue;
      }
    }
    if (dots < 3) continue;
    // Within the run: what has only digits and dots.
    for (std::size_t from = begin; from < end;) {
      if (!is_digit(all[from])) {
        ++from;
        continue;
      }
      std::size_t to = from;
      while (to < end && (is_digit(all[to]) || all[to] == '.')) ++to;
      std::size_t last = to;
      while (last > from && all[last - 1] == '.') --last;
      if (const auto address = parse_v4(all.substr(from, last - from))) replace(from, last, *address);
      from = to;
    }
  }
  if (kept == 0) return;
  out.append(all.substr(kept));
  text = std::move(out);
}

const std::string* Obfuscator::name_of(std::string_view token) const {
  const auto found = names_.find(std::string(token));
  return found == names_.end() ? nullptr : &found->second;
}

void Obfuscator::replace_names(std::string& text) const {
  if (names_.empty()) return;
  const std::string_view all = text;
  std::string out;
  std::size_t kept = 0;
  const auto replace = [&](std::size_t begin, std::size_t end) {
    const std::string* const other = name_of(all.substr(begin, end - begin));
    if (other == nullptr) return false;
    // A key of JSON that reads like a name is none.
    if (begin > 0 && all[begin - 1] == '"' && all.substr(end).starts_with("\":")) return false;
    out.append(all.substr(kept, begin - kept)).append(*other);
    kept = end;
    return true;
  };
  const std::size_t first = all.find_first_not_of(" \t\r\n");
  // In JSON names are in texts only; elsewhere they would be numbers and words of its own.
  const bool json = first != std::string_view::npos && (all[first] == '{' || all[first] == '[');
  bool in_text = false;
  for (std::size_t i = 0; i < all.size();) {
    if (json && all[i] == '"') in_text = !in_text;
    if (json && all[i] == '\\') {
      i += i + 1 < all.size() && all[i + 1] == 'u' ? 6 : 2;
      continue;
    }
    if (!is_label(all[i])) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < all.size() && (is_label(all[end]) || all[end] == '.')) ++end;
    const std::size_t begin = std::exchange(i, end);
    if (json && !in_text) continue;
    if (end - begin < kMinNameBytes || end - begin > kMaxPathBytes) continue;
    while (end > begin && all[end - 1] == '.') --end;
    if (replace(begin, end)) continue;
    for (std::size_t from = begin; from < end;) {
      const std::size_t dot = std::min(all.find('.', from), end);
      if (dot - from >= kMinNameBytes && !(from == begin && dot == end)) replace(from, dot);
      from = dot + 1;
    }
  }
  if (kept == 0) return;
  out.append(all.substr(kept));
  text = std::move(out);
}

}  // namespace berth::gather
