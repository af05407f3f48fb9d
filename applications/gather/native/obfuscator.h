// Obfuscator: addresses, domains and names of workloads in records become others, the same in each archive.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "applications/gather/native/settings.h"
#include "base/error.h"
#include "base/secret.h"
#include "net/address.h"

namespace berth::gather {

// Addresses by the order in which they came: the first of a network becomes its first. A table for one
// cluster. One thread at a time.
class AddressTable final {
 public:
  explicit AddressTable(std::vector<net::Cidr> networks);

  // What `address` becomes: another of its network; without one, or with a full table, 0.0.0.0 or ::.
  [[nodiscard]] std::string replacement(const net::IpAddress& address);

  [[nodiscard]] bool grew() const { return grew_; }
  [[nodiscard]] const std::unordered_map<std::string, std::string>& known() const { return known_; }
  void restore(std::string from, std::string to);

 private:
  struct Network {
    net::Cidr range;
    std::uint64_t next = 1;  // host numbers
    std::uint64_t last = 0;
    std::array<std::uint8_t, 16> base{};
  };
  std::vector<Network> networks_;
  std::unordered_map<std::string, std::string> known_;
  bool grew_ = false;
};

// What it knows of one cluster is in a file of mode 0600, from which an archive's own names could be had
// back. Thread-safe.
class Obfuscator final {
 public:
  // `folder` holds the file; empty: nothing is kept. A file that cannot be read is an error: beginning anew
  // would give things other names. Blocks.
  [[nodiscard]] static Result<std::unique_ptr<Obfuscator>> open(const Obfuscation& what,
                                                                const std::filesystem::path& folder,
                                                                std::string_view cluster);

  // Names that a record shows (anonymiser.h); those of the product are left as they are.
  void found(std::string_view ns, std::string_view name);
  // Namespaces and names that a path shows.
  void found_in_path(std::string_view path);

  // After everything was found. Linear in the text.
  void obfuscate(std::string& text);

  // Writes the file if there is something new. Blocks.
  [[nodiscard]] Result<> save();

 private:
  Obfuscator(const Obfuscation& what, std::filesystem::path file);
  Result<> load();
  [[nodiscard]] std::string pseudonym(std::string_view name) const;
  void add_name(std::string_view name);
  [[nodiscard]] const std::string* name_of(std::string_view token) const;
  void replace_domains(std::string& text) const;
  void replace_addresses(std::string& text);
  void replace_names(std::string& text) const;

  const Obfuscation what_;
  const std::filesystem::path file_;
  Secret key_;
  std::mutex mutex_;
  AddressTable addresses_;
  bool new_key_ = false;
  std::unordered_map<std::string, std::string> names_;
};

}  // namespace berth::gather
