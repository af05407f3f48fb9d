// Guests and Runner: loading and renewing.
#include "roundtrip/runner.h"

#include <fcntl.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "abi/component.h"
#include "base/file_system.h"

namespace berth::roundtrip {
namespace {

namespace fs = std::filesystem;

// wit-bindgen's C++ guests lose the memory of list parameters: a new instance in time.
constexpr std::uint64_t kGrowthBeforeRenewal = 24ull << 20;

std::vector<std::uint8_t> read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The code is kept beside the guest for later runs: Python's takes twelve seconds to compile.
Result<std::shared_ptr<const abi::Component>> compiled(const std::shared_ptr<const abi::Engine>& engine,
                                                       const std::string& guest) {
  const std::string code = guest + "." + engine->key();
  std::error_code missing;
  if (fs::last_write_time(code, missing) <= fs::last_write_time(guest) || missing) {
    const std::string fresh = code + ".new";
    const File out(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), fresh);
    if (out.fd() < 0) return fail(Code::kUnavailable, "cannot write " + fresh);
    BERTH_TRY(abi::compile_into(out.fd(), *engine, read(guest)));
    fs::rename(fresh, code);
  }
  const File in(::open(code.c_str(), O_RDONLY | O_CLOEXEC), code);
  return abi::Component::load(engine, in.fd());
}

}  // namespace

bool with_winch() {
  const char* compiler = std::getenv("BERTH_TEST_COMPILER");
  return compiler != nullptr && std::string_view(compiler) == "winch";
}

std::uint64_t seed(std::uint64_t built_with) {
  const char* given = std::getenv("BERTH_SEED");
  return given == nullptr ? built_with : std::strtoull(given, nullptr, 0);
}

Result<std::unique_ptr<Guests>> Guests::create(std::vector<HostPart> hosts) {
  std::shared_ptr<const abi::Engine> engine = BERTH_TRY(
      abi::Engine::create({.compiler = with_winch() ? abi::Compiler::kWinch : abi::Compiler::kCranelift}));
  abi::Linker linker = BERTH_TRY(abi::Linker::create(engine));
  for (const HostPart& host : hosts) BERTH_TRY(host.add(linker));
  return std::unique_ptr<Guests>(new Guests(std::move(hosts), std::move(engine), std::move(linker)));
}

Result<std::shared_ptr<const abi::Pre>> Guests::find(const Toolchain& made_with, std::string_view package) {
  std::string file = "roundtrip_";
  if (!made_with.one_file) file.append(package).append("_");
  file.append(made_with.suffix).append(".wasm");
  std::shared_ptr<const abi::Pre>& linked = linked_[file];
  if (linked == nullptr) {
    const std::string path = std::string(BERTH_BINARY_DIR "/guests/").append(file);
    linked = BERTH_TRY(linker_.link(BERTH_TRY(compiled(engine_, path))));
  }
  return linked;
}

void Guests::provide(abi::InstanceState& state) const {
  for (const HostPart& host : hosts_) host.provide(state);
}

Result<Runner> Runner::create(Guests& guests, const Suite& suite, const Toolchain& made_with,
                              std::string_view package) {
  Runner runner(guests, suite, BERTH_TRY(guests.find(made_with, package)));
  BERTH_TRY(runner.renew());
  return runner;
}

Result<void> Runner::renew() {
  exports_.reset();
  instance_.reset();
  state_ = abi::InstanceState::create();
  guests_->provide(*state_);
  instance_ = BERTH_TRY(abi::Instance::create(pre_, state_, {}));
  exports_ = BERTH_TRY(suite_->open(*instance_));
  memory_when_new_ = instance_->memory_bytes();
  return {};
}

Result<void> Runner::renew_if_large(bool through) {
  if (instance_->memory_bytes() < memory_when_new_ + kGrowthBeforeRenewal) return {};
  BERTH_TRY(renew());
  return set_through(through);
}

}  // namespace berth::roundtrip
