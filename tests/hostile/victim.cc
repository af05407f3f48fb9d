// Loading and renewing hostile guests.
#include "tests/hostile/victim.h"

#include <fstream>
#include <iterator>

#include "tests/hostile/attacks.h"

namespace berth::hostile {

std::vector<std::uint8_t> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << "cannot read " << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::uint8_t> guest_binary(std::string_view name) {
  const std::vector<std::uint8_t> text =
      read_file(std::string(BERTH_SOURCE_DIR "/tests/hostile/guests/").append(name).append(".wat"));
  auto binary = abi::parse_text({reinterpret_cast<const char*>(text.data()), text.size()});
  if (!binary) {
    ADD_FAILURE() << name << ": " << binary.error().to_string();
    return {};
  }
  return std::move(*binary);
}

abi::EngineOptions engine_options() {
  abi::EngineOptions options;
  options.max_instances = 20;
  options.max_memory_bytes = 8u << 20;
  return options;
}

Result<void> add_things(abi::Linker& linker) {
  using Get = abi::FromState<Things>;
  BERTH_TRY(linker.add_resource(kThingsInterface, "thing"));
  BERTH_TRY((abi::Import<Get, &Things::make>::add(linker, kThingsInterface, "make",
                                                  "func() -> own<berth:hostile/things#thing>", {})));
  BERTH_TRY((abi::Import<Get, &Things::take, std::unique_ptr<Thing>>::add(
      linker, kThingsInterface, "take", "func(thing: own<berth:hostile/things#thing>)", {})));
  return abi::Import<Get, &Things::use, Thing*>::add(
      linker, kThingsInterface, "use", "func(thing: borrow<berth:hostile/things#thing>) -> u32", {});
}

void WaitingThread::post(std::move_only_function<void()> work) {
  std::lock_guard lock(mutex_);
  work_.push_back(std::move(work));
  posted_.notify_one();
}

std::move_only_function<void()> WaitingThread::next() {
  std::unique_lock lock(mutex_);
  posted_.wait(lock, [this] { return !work_.empty(); });
  std::move_only_function<void()> work = std::move(work_.front());
  work_.pop_front();
  return work;
}

Result<Victim> Victim::load(const std::shared_ptr<const abi::Engine>& engine,
                            std::span<const std::uint8_t> binary, Path path) {
  std::shared_ptr<const abi::Component> component = BERTH_TRY(abi::Component::compile(engine, binary));
  abi::Linker linker = BERTH_TRY(abi::Linker::create(engine));
  BERTH_TRY(add_things(linker));
  return Victim(BERTH_TRY(linker.link(std::move(component))), path);
}

Result<void> Victim::attack(const Attack& attack) {
  if (instance_ == nullptr) BERTH_TRY(renew());
  instance_->set_deadline(deadline_ticks);
  if (path_ == Path::kInline) return attack.run(*instance_);
  return loop_->run(attack.run_async(*instance_));
}

void Victim::discard() {
  instance_.reset();
  state_.reset();
}

Result<void> Victim::renew() {
  discard();
  state_ = abi::InstanceState::create();
  state_->provide<Things>(*things_);
  abi::InstanceOptions options;
  options.max_memory_bytes = kMaxMemoryBytes;
  options.max_table_elements = kMaxTableElements;
  options.start_ticks = kPatientTicks;
  options.executor = loop_.get();
  instance_ =
      BERTH_TRY(path_ == Path::kInline ? abi::Instance::create(pre_, state_, options)
                                       : loop_->run(abi::Instance::create_async(pre_, state_, options)));
  return {};
}

}  // namespace berth::hostile
