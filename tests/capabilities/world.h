// World: a host with every capability, for one test: loads a guest with the grants of a manifest.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "abi/instance.h"
#include "base/task.h"
#include "capabilities/grants/testing.h"
#include "capabilities/registry/registry.h"
#include "host/component/loader.h"
#include "net/io_context.h"

namespace berth::capability_guests {

class World {
 public:
  World() {
    auto engine = abi::Engine::create({.max_instances = 20});
    auto io = net::IoContext::create(2);
    EXPECT_TRUE(engine) << engine.error().message();
    EXPECT_TRUE(io) << io.error().message();
    io_ = std::move(*io);
    std::vector<host::CapabilityInfo> offered;
    for (const auto& capability : registry::capabilities()) offered.push_back(capability.info);
    loader_ = std::make_unique<host::Loader>(std::move(*engine), *io_, std::move(offered));
  }
  ~World() {
    // The last lines of an instance are written when it goes.
    guest_.reset();
    version_.reset();
  }

  using Sections = std::vector<std::pair<std::string, std::string>>;  // capability, YAML

  // Loads build/guests/NAME.wasm as workload "shop" and makes one instance.
  Result<void> start(std::string_view name, const Sections& sections, std::vector<std::string> args = {}) {
    if (artifact_.source != name) {
      const std::string path = std::string(BERTH_BINARY_DIR) + "/guests/" + std::string(name) + ".wasm";
      std::ifstream file(path, std::ios::binary);
      EXPECT_TRUE(file) << path;
      artifact_ = {.source = std::string(name)};
      artifact_.bytes.assign(std::istreambuf_iterator<char>(file), {});
    }
    host::Grants grants{registry::base_grant(process.services())};
    for (const auto& [key, yaml] : sections)
      for (const auto& capability : registry::capabilities())
        if (capability.info.name == key)
          grants.push_back(grants::testing::grant(capability, yaml, process.services()));
    guest_.reset();
    version_ = BERTH_TRY(loader_->load(artifact_, {.workload = "shop",
                                                   .grants = std::move(grants),
                                                   .binder = host::bind_instance(),
                                                   .args = std::move(args)}));
    guest_ = BERTH_TRY(version_->instantiate(std::chrono::seconds(20)));
    return {};
  }

  // WAVE text in, WAVE text out; "error: ..." when the call fails.
  std::string call(std::string text) {
    auto* instance = static_cast<abi::Instance*>(guest_->exports());
    guest_->set_deadline(std::chrono::seconds(20));
    std::promise<std::string> done;
    detach(instance->invoke(std::move(text)),
           [&](Result<std::string> r) { done.set_value(r ? *r : "error: " + r.error().to_string()); });
    return done.get_future().get();
  }

  [[nodiscard]] host::Guest& guest() { return *guest_; }

  // What the guest exports: "ns:pkg/iface@version" that begins with `start`.
  std::string exported(std::string_view start) const {
    for (const abi::Item& item : version_->component().shape().exports)
      if (item.name.starts_with(start)) return item.name;
    ADD_FAILURE() << "no export " << start;
    return {};
  }

  // Ends the instance: its last lines are written.
  void stop() { guest_.reset(); }

  [[nodiscard]] net::IoContext& io() { return *io_; }

  grants::testing::Process process;

 private:
  std::unique_ptr<net::IoContext> io_;
  std::unique_ptr<host::Loader> loader_;
  artifact::Artifact artifact_;
  std::shared_ptr<const host::ComponentVersion> version_;
  std::unique_ptr<host::Guest> guest_;
};

}  // namespace berth::capability_guests
