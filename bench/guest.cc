// Guests: reading them, as they were built and as other builds.
#include <fstream>
#include <iterator>

#include "bench/suite.h"

namespace berth::bench {

std::vector<std::uint8_t> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(in), {}};
  if (bytes.empty()) {
    std::fprintf(stderr, "bench: cannot read %s\n", path.c_str());
    std::exit(1);
  }
  return bytes;
}

std::vector<std::uint8_t> guest(const std::string& name) {
  return read_file(BERTH_GUESTS "/" + name + ".wasm");
}

artifact::Artifact guest_artifact(const std::string& name, std::optional<std::uint8_t> build) {
  artifact::Artifact out{.source = name + ".wasm", .digest = {}, .bytes = guest(name)};
  if (build) out.bytes.insert(out.bytes.end(), {0x00, 0x03, 0x01, 'b', *build});  // a custom section "b"
  out.digest = need(artifact::Digest::of(out.bytes), "digest");
  return out;
}

}  // namespace berth::bench
