// Subject: loading, starting and replacing store components in one host.
#include "tests/statestore/subject.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "abi/engine.h"
#include "applications/statestore/native/component_store.h"
#include "applications/statestore/native/workload_store.h"
#include "artifact/store/store.h"
#include "capabilities/grants/testing.h"
#include "capabilities/keyvalue/test_redis.h"
#include "capabilities/registry/registry.h"
#include "cli/kept_code.h"
#include "host/component/loader.h"
#include "host/component/tiers.h"
#include "net/io_context.h"

namespace berth::statestore::conformance {
namespace {

template <class T>
T need(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  return *std::move(result);
}

// A database in a folder of its own, and a real Redis; each from when it is first asked for.
class Buckets {
 public:
  ~Buckets() {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  // The section of the grant `keyvalue`.
  std::string section(Kind::Bucket bucket) {
    if (bucket == Kind::Bucket::kRedis) {
      if (!redis_) redis_.emplace();
      return "{ default: { redis: " + redis_->url() + " } }";
    }
    if (folder_.empty()) {
      std::string name = ::testing::TempDir() + "berth-statestore-XXXXXX";
      if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder " + name);
      folder_ = name;
    }
    return "{ default: { sqlite: " + folder_ + "/state.db } }";
  }

 private:
  std::string folder_;
  std::optional<keyvalue::TestRedis> redis_;
};

// One for the process: what is compiled once serves every case.
class Dock {
 public:
  static Dock& get() {
    static Dock dock;
    return dock;
  }

  std::shared_ptr<const host::Version> load(const Kind& kind) {
    auto& version = loaded_[kind.name];
    if (!version) {
      const std::string path = std::string(BERTH_BINARY_DIR) + "/guests/" + kind.guest + ".wasm";
      std::ifstream file(path, std::ios::binary);
      if (!file) throw std::runtime_error("no file " + path);
      std::vector<std::uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
      const artifact::Digest digest = artifact::Digest::of(bytes).value();
      host::Grants grants{registry::base_grant(process_.services())};
      auto sections = kind.grants;
      if (kind.bucket != Kind::Bucket::kNone)
        sections.emplace_back("keyvalue", buckets_.section(kind.bucket));
      for (const auto& [name, yaml] : sections)
        for (const auto& capability : registry::capabilities())
          if (capability.info.name == name)
            grants.push_back(grants::testing::grant(capability, yaml, process_.services()));
      version = need(loader_.load_best({.source = path, .digest = digest, .bytes = std::move(bytes)},
                                       {.workload = "store",
                                        .grants = std::move(grants),
                                        .limits = {.memory_bytes = kind.memory},
                                        .binder = binder()},
                                       {}));
    }
    return version;
  }

  Result<std::shared_ptr<host::Workload>> start(const Kind& kind, Settings settings = {}) {
    settings_ = std::move(settings);
    return host_.start(
        {.name = "store", .instances = host::InstancePolicy::one(), .limits = {.memory_bytes = kind.memory}},
        load(kind));
  }
  void stop() { need_void(host_.stop("store")); }

 private:
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

  Buckets buckets_;
  grants::testing::Process process_;
  std::unique_ptr<net::IoContext> io_ = need(net::IoContext::create(2));
  // Kept between runs: Python's takes twelve seconds to compile.
  SystemFiles files_;
  artifact::Store compiled_ = need(artifact::Store::open({.folder = BERTH_BINARY_DIR "/compiled"}, files_));
  cli::KeptCode kept_{compiled_};
  std::shared_ptr<const abi::Engine> engine_ = need(abi::Engine::create({.max_instances = 20}));
  host::Tiers tiers_{engine_, {.compiler = {.program = BERTH_BINARY_DIR "/berth"}}, &kept_};
  host::Loader loader_{engine_, *io_, offered(), &tiers_};
  host::Host host_{*io_, process_.metrics()};
  std::map<std::string, std::shared_ptr<const host::Version>> loaded_;
  Settings settings_;
};

}  // namespace

std::span<const Kind> kinds() {
  // What Go's library imports, though the store never uses it.
  static const std::vector<std::pair<std::string, std::string>> wasi = {
      {"clocks", "{}"}, {"random", "{}"}, {"filesystem", "[]"}};
  static const std::vector<Kind> all = {{.name = "cpp", .guest = "store_1"},
                                        {.name = "rust", .guest = "store_rust"},
                                        {.name = "go", .guest = "store_go", .grants = wasi},
                                        {.name = "js", .guest = "store_js"},
                                        {.name = "python", .guest = "store_python", .frees_results = false},
                                        {.name = "sqlite",
                                         .guest = "keyvalue_store",
                                         .grants = {{"random", "{}"}},
                                         .bucket = Kind::Bucket::kSqlite},
                                        {.name = "redis",
                                         .guest = "keyvalue_store",
                                         .grants = {{"random", "{}"}},
                                         .bucket = Kind::Bucket::kRedis}};
  return all;
}

Subject::Subject(const Kind& kind) : kind_(kind) {
  workload_ = need(Dock::get().start(kind));
  store_ = std::make_unique<WorkloadStore>(need(host::Typed<Store>::of(workload_)));
  features_ = ask(store_->features()).value();
  if (kind.bucket != Kind::Bucket::kNone) clear();
}

// Before anything has expired, so that all are seen.
void Subject::clear() {
  std::optional<std::string> after;
  do {
    const Page page = ask(store_->scan(0, "", after, 100)).value();
    for (const Page::Item& item : page.items) ask(store_->remove(0, {.key = item.key})).value();
    after = page.next;
  } while (after);
}

Subject::~Subject() {
  store_.reset();
  workload_.reset();
  Dock::get().stop();
}

std::string text_of(const std::optional<Entry>& entry) {
  return entry ? std::string(entry->text()) : "(none)";
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
  if (auto done = replace_by(kind_); !done) throw std::runtime_error(done.error().to_string());
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
