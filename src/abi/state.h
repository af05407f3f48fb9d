// InstanceState: what the host keeps for one instance: its capabilities, its host objects, and the
// policy for what it reaches outside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "abi/failure.h"
#include "abi/resources.h"
#include "base/error.h"

namespace berth::abi {

enum class SocketUse : std::uint8_t { kTcpBind, kTcpConnect, kUdpBind, kUdpConnect, kUdpSend, kHttpConnect };
struct SocketAddress {
  std::uint8_t family = 4;  // 4 or 6
  std::uint16_t port = 0;
  std::uint8_t bytes[16] = {};  // network order, the first 4 for family 4
};

enum class FileRefusal : std::uint8_t {
  kReadOnly,  // a change below a directory that is open for reading only
  kOutside,   // a path that leads out of the directory it starts in
};
// A file operation that the directories given to the guest do not allow. Never one that the system
// itself refused. Borrows for the call.
struct FileDenial {
  FileRefusal why = FileRefusal::kReadOnly;
  std::string_view operation;  // as wasi:filesystem/types names it: "open-at"
  std::string_view directory;  // the guest's path of the directory through which it came
  std::string_view path;       // as the guest gave it; empty for an operation on an open file
};

// Decides what a guest may reach through WASI. Every default denies.
// Thread-safe: called on the thread that runs the guest or on an engine thread; must not block.
class OutsidePolicy {
 public:
  virtual ~OutsidePolicy() = default;
  // At dial time, for each candidate address.
  [[nodiscard]] virtual bool connect(SocketUse, const SocketAddress&) { return false; }
  [[nodiscard]] virtual bool resolve(std::string_view /*name*/) { return false; }
  [[nodiscard]] virtual bool http(std::string_view /*method*/, std::string_view /*scheme*/,
                                  std::string_view /*authority*/, std::string_view /*path*/) {
    return false;
  }
  // What the guest writes, as it writes it; stream is 1 or 2.
  virtual void output(int /*stream*/, std::span<const std::uint8_t>) {}
  // Told after the fact: the guest gets an error either way.
  virtual void file_denied(const FileDenial&) {}
};

// Created by the host for each instance, before it. Generated bindings find the implementation of
// an imported interface here. Lives until its instance is gone and no asynchronous host call that
// was begun for it still runs.
// One thread at a time (that of the instance), except stop_token and outside.
class InstanceState final : public std::enable_shared_from_this<InstanceState> {
 public:
  [[nodiscard]] static std::shared_ptr<InstanceState> create() {
    return std::shared_ptr<InstanceState>(new InstanceState);
  }
  InstanceState(const InstanceState&) = delete;
  InstanceState& operator=(const InstanceState&) = delete;

  // Gives this instance an implementation of an imported interface. `Interface` is the generated
  // abstract class, named explicitly. The first form borrows, the second owns.
  template <class Interface>
  void provide(std::type_identity_t<Interface>& implementation) {
    put(type_key<Interface>(), &implementation);
  }
  template <class Interface>
  void provide(std::shared_ptr<std::type_identity_t<Interface>> implementation) {
    put(type_key<Interface>(), implementation.get());
    owned_.push_back(std::move(implementation));
  }
  // What was provided, or nullptr. Also usable for anything else keyed by its type.
  template <class Interface>
  [[nodiscard]] Interface* find() const {
    for (const Entry& e : provided_)
      if (e.key == type_key<Interface>()) return static_cast<Interface*>(e.value);
    return nullptr;
  }

  [[nodiscard]] ResourceTable& resources() { return resources_; }

  // Set before instantiation when the component uses WASI. nullptr denies everything.
  void set_outside(std::shared_ptr<OutsidePolicy> outside) { outside_ = std::move(outside); }
  [[nodiscard]] OutsidePolicy* outside() const { return outside_.get(); }

  // Stops when the instance abandoned an asynchronous host call (deadline, cancellation): the call's
  // answer will not be read. Any thread.
  [[nodiscard]] std::stop_token stop_token() const { return stop_.get_token(); }

  // Why the last instantiation or call failed; kNone after none failed.
  [[nodiscard]] const Failure& failure() const { return failure_; }
  void set_failure(Failure failure) { failure_ = failure; }

  // ---- for the bindings -----------------------------------------------------------------------

  // The instance, while it lives.
  [[nodiscard]] Instance* instance() const { return instance_; }
  void set_instance(Instance* instance) { instance_ = instance; }
  // Keeps the Error of a failed host function until the call that it ends reports it.
  void set_host_error(Error error) { host_error_.emplace(std::move(error)); }
  [[nodiscard]] std::optional<Error> take_host_error() { return std::exchange(host_error_, std::nullopt); }
  // The guest dropped its last handle.
  void drop_resource(std::uint32_t rep) {
    std::unique_ptr<Resource> object = resources_.remove(rep);
    // An abandoned call may still use the object through a borrow.
    if (stop_.stop_requested() && object != nullptr) graveyard_.push_back(std::move(object));
  }
  void abandon_call() { stop_.request_stop(); }
  // Holds the result of a synchronous host function until the engine asks for it; there is at most
  // one, because a guest cannot call out while its realloc runs.
  [[nodiscard]] std::byte* result_slot() { return result_slot_; }
  static constexpr std::size_t kResultSlotBytes = 256;

 private:
  struct Entry {
    const void* key;
    void* value;
  };
  InstanceState() = default;
  void put(const void* key, void* value) {
    for (Entry& e : provided_)
      if (e.key == key) {
        e.value = value;
        return;
      }
    provided_.push_back({key, value});
  }

  std::vector<Entry> provided_;
  std::vector<std::shared_ptr<void>> owned_;
  std::shared_ptr<OutsidePolicy> outside_;
  // Objects go before the implementations that made them.
  ResourceTable resources_;
  std::vector<std::unique_ptr<Resource>> graveyard_;
  std::stop_source stop_;
  Failure failure_;
  std::optional<Error> host_error_;
  Instance* instance_ = nullptr;
  alignas(std::max_align_t) std::byte result_slot_[kResultSlotBytes];
};

}  // namespace berth::abi
