// Subject: loading, starting and replacing store components in one host.
#include "tests/statestore/subject.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "abi/engine.h"
#include "applications/statestore/native/component_store.h"
#include "applications/statestore/native/workload_store.h"
#include "capabilities/grants/testing.h"
#include "capabilities/registry/registry.h"
#include "host/component/loader.h"
#include "net/io_context.h"

namespace berth::statestore::conformance {
namespace {

template <class T>
T need(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  return *std::move(result);
}

// One for the process: what is compiled once serves every case.
class Dock {
 public:
  static Dock& get() {
    static Dock dock;
    return dock;
  }

  std::shared_ptr<const host::Version> load(const Kind& kind) {
    auto& version = loaded_[kind.name];
    if (!version || kind.outlives) {
      const std::string path = std::string(BERTH_BINARY_DIR) + "/guests/" + kind.guest + ".wasm";
      std::ifstream file(path, std::ios::binary);
      if (!file) throw std::runtime_error("no file " + path);
      std::vector<std::uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
      const artifact::Digest digest = artifact::Digest::of(bytes).value();
      host::Grants grants{registry::base_grant(process_.services())};
      std::filesystem::remove_all(folder_);
      std::filesystem::create_directory(folder_);
      for (const auto& [name, yaml] : kind.grants)
        for (const auto& capability : registry::capabilities())
          if (capability.info.name == name)
            grants.push_back(grants::testing::grant(capability, in_folder(yaml), process_.services()));
      version = need(loader_.load({.source = path, .digest = digest, .bytes = std::move(bytes)},
                                  {.workload = "store",
                                   .grants = std::move(grants),
                                   .limits = {.memory_bytes = kind.memory},
                                   .binder = binder()}));
    }
    return version;
  }

  // The one that load() gave last.
  std::shared_ptr<const host::Version> loaded(const Kind& kind) { return loaded_[kind.name]; }

  ~Dock() { std::filesystem::remove_all(folder_); }

  Result<std::shared_ptr<host::Workload>> start(const Kind& kind, Settings settings = {}) {
    settings_ = std::move(settings);
    return host_.start(
        {.name = "store", .instances = host::InstancePolicy::one(), .limits = {.memory_bytes = kind.memory}},
        load(kind));
  }
  void stop() { need_void(host_.stop("store")); }

 private:
  std::string in_folder(std::string yaml) const {
    constexpr std::string_view kFolder = "FOLDER";
    if (const auto at = yaml.find(kFolder); at != yaml.npos)
      yaml.replace(at, kFolder.size(), folder_.string());
    return yaml;
  }
  static std::vector<host::CapabilityInfo> offered() {
    std::vector<host::CapabilityInfo> out;
    for (const auto& capability : registry::capabilities()) out.push_back(capability.info);
    return out;
  }
  static void need_void(const Result<void>& result) {
    if (!result) throw std::runtime_error(result.error().to_string());
  }

  // One version serves with whatever settings the case wants.
  host::Binder binder() {
    host::Binder binder = store_binder({});
    binder.begin = [this](void* exports) -> Task<Result<void>> {
      const host::Binder told = store_binder(settings_);
      co_return co_await told.begin(exports);
    };
    return binder;
  }

  grants::testing::Process process_;
  std::unique_ptr<net::IoContext> io_ = need(net::IoContext::create(2));
  host::Loader loader_{need(abi::Engine::create({.max_instances = 20})), *io_, offered()};
  host::Host host_{*io_, process_.metrics()};
  std::map<std::string, std::shared_ptr<const host::Version>> loaded_;
  Settings settings_;
  // In memory: what a loss of power leaves is tested elsewhere.
  const std::filesystem::path folder_ = "/dev/shm/berth-conformance-" + std::to_string(::getpid());
};

}  // namespace

std::span<const Kind> kinds() {
  // What Go's library imports, though the store never uses it.
  static const std::vector<std::pair<std::string, std::string>> wasi = {
      {"clocks", "{}"}, {"random", "{}"}, {"filesystem", "[]"}};
  static const std::vector<Kind> all = {
      {.name = "cpp", .guest = "store_1"},
      {.name = "rust", .guest = "store_rust"},
      {.name = "go", .guest = "store_go", .grants = wasi},
      {.name = "js", .guest = "store_js"},
      {.name = "python", .guest = "store_python", .frees_results = false},
      {.name = "sqlite",
       .guest = "keyvalue_store",
       .grants = {{"keyvalue", "{ default: { sqlite: FOLDER/state.db } }"}, {"random", "{}"}},
       .outlives = true}};
  return all;
}

Subject::Subject(const Kind& kind) : kind_(kind) {
  workload_ = need(Dock::get().start(kind));
  store_ = std::make_unique<WorkloadStore>(need(host::Typed<Store>::of(workload_)));
  features_ = ask(store_->features()).value();
}

Subject::~Subject() {
  store_.reset();
  workload_.reset();
  Dock::get().stop();
}

std::optional<Entry> Subject::get(std::string_view key, Time now) {
  return ask(store_->get(now, key)).value();
}

std::string Subject::set(std::string_view key, std::string_view value, std::optional<Time> expires) {
  return try_set({.key = key, .value = value, .expires = expires}).value();
}

void Subject::remove(std::string_view key) { try_remove({.key = key}).value(); }

std::expected<std::string, StoreError> Subject::try_set(const Write& write, Time now) {
  return ask(store_->set(now, write));
}

std::expected<void, StoreError> Subject::try_remove(const Removal& removal, Time now) {
  return ask(store_->remove(now, removal));
}

void Subject::replace() {
  if (auto done = workload_->swap(Dock::get().loaded(kind_)); !done)
    throw std::runtime_error(done.error().to_string());
}

Result<void> Subject::replace_by(const Kind& kind) {
  BERTH_TRY(workload_->swap(Dock::get().load(kind)));
  return {};
}

std::string start_error(const Kind& kind, Settings settings) {
  const auto workload = Dock::get().start(kind, std::move(settings));
  if (!workload) return workload.error().to_string();
  Dock::get().stop();
  return {};
}

}  // namespace berth::statestore::conformance
