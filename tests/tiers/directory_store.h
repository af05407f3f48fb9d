// DirectoryStore: compiled code as files in a folder, without any of the care of a real store.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "host/component/compiled_store.h"

namespace berth::tiers {

// Thread-safe as far as its users put each entry once.
class DirectoryStore final : public host::CompiledStore {
 public:
  explicit DirectoryStore(std::filesystem::path folder) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
  }

  [[nodiscard]] std::filesystem::path file(std::string_view digest, std::string_view key) const {
    return folder_ / std::string(digest.substr(digest.find(':') + 1)).append(".").append(key);
  }
  Result<host::StoredCode> find(std::string_view digest, std::string_view key) override {
    const int fd = ::open(file(digest, key).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(Code::kNotFound, "not in the store");
    const std::shared_ptr<const int> keep(new int(fd), [](const int* open) {
      ::close(*open);
      delete open;
    });
    return host::StoredCode{.fd = fd, .keep = keep};
  }
  Result<void> put(std::string_view digest, std::string_view key,
                   std::span<const std::uint8_t> code) override {
    const std::filesystem::path name = file(digest, key);
    std::ofstream out(name.string() + ".new", std::ios::binary);
    out.write(reinterpret_cast<const char*>(code.data()), static_cast<std::streamsize>(code.size()));
    if (!out.flush()) return fail(Code::kUnavailable, "cannot write " + name.string());
    std::filesystem::rename(name.string() + ".new", name);
    return {};
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace berth::tiers
