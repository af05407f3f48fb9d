// ArchiveWriter: one .tar.gz, which has its name only when it is whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "applications/gather/native/gatherer.h"
#include "base/error.h"
#include "base/file_system.h"

struct archive;
struct archive_entry;

namespace berth::gather {

// Regular files, mode 0640, of no user. One thread at a time; methods block on the disk.
class ArchiveWriter final {
 public:
  // In the folder in which the archive is to be.
  [[nodiscard]] static Result<ArchiveWriter> create(const std::filesystem::path& folder);
  // Without publish() nothing is left of it.
  ~ArchiveWriter();
  ArchiveWriter(ArchiveWriter&& other) noexcept;
  ArchiveWriter& operator=(ArchiveWriter&&) = delete;

  [[nodiscard]] Result<> add(const std::string& path, Time time, std::string_view content);

  enum class Existing : std::uint8_t { kRefuse, kReplace };
  // Ends it, and gives it its name once it is safe on the disk; its size. The last call.
  // kAlreadyExists: with kRefuse, and the name is taken; may be tried again with another name.
  [[nodiscard]] Result<std::uint64_t> publish(const std::filesystem::path& file, Existing existing);

 private:
  ArchiveWriter(File file, archive* writing);
  [[nodiscard]] Error failed(std::string_view doing) const;

  File file_;
  archive* writing_ = nullptr;
  archive_entry* entry_ = nullptr;
  bool ended_ = false;
  bool published_ = false;
};

}  // namespace berth::gather
