// ResourceTable: the host objects that one instance's handles stand for.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "abi/limits.h"
#include "base/error.h"

namespace berth::abi {

// One address for each type: a type identity without RTTI.
template <class T>
inline constexpr char kTypeKey{};
template <class T>
[[nodiscard]] constexpr const void* type_key() {
  return &kTypeKey<T>;
}

class Instance;
class InstanceState;

// Where a resource of a guest lives.
struct GuestHandle {
  std::shared_ptr<InstanceState> state;
  std::uint32_t id = 0;
};

// Base of every generated resource class. A resource is either a host object, which a capability
// implements, or a handle to an object inside a guest; callers cannot tell, bindings can.
class Resource {
 public:
  Resource() = default;
  Resource(const Resource&) = delete;
  Resource& operator=(const Resource&) = delete;
  virtual ~Resource() = default;
  // For bindings: the guest's object, or nullptr.
  [[nodiscard]] virtual GuestHandle* berth_guest_handle() { return nullptr; }
};

// Owns host objects under small numbers ("reps"). The engine keeps the guest's handles and gives us
// reps only, so a rep comes from us; the type check catches our own mistakes.
// One thread at a time.
class ResourceTable final {
 public:
  // Fails with kResourceExhausted at kMaxResources objects.
  template <class T>
  [[nodiscard]] Result<std::uint32_t> insert(std::unique_ptr<T> object) {
    Result<std::uint32_t> rep = place(object.get(), type_key<T>(), Owned::kYes);
    if (rep) (void)object.release();
    return rep;
  }
  // A rep for an object that stays the caller's, until end_lending.
  template <class T>
  [[nodiscard]] Result<std::uint32_t> lend(T& object) {
    Result<std::uint32_t> rep = place(&object, type_key<T>(), Owned::kNo);
    if (rep) lent_.push_back(*rep);
    return rep;
  }
  // The call that objects were lent to is over.
  void end_lending() {
    for (const std::uint32_t rep : lent_) (void)remove(rep);
    lent_.clear();
  }

  // nullptr when there is no such object of this type.
  template <class T>
  [[nodiscard]] T* get(std::uint32_t rep) const {
    if (rep >= slots_.size() || slots_[rep].object == nullptr || slots_[rep].type != type_key<T>())
      return nullptr;
    return static_cast<T*>(slots_[rep].object);
  }

  // Gives the object away; nullptr as above, and for a lent one.
  template <class T>
  [[nodiscard]] std::unique_ptr<T> take(std::uint32_t rep) {
    T* object = get<T>(rep);
    if (object == nullptr || slots_[rep].owned == Owned::kNo) return nullptr;
    (void)remove(rep).release();
    return std::unique_ptr<T>(object);
  }

  // Takes the object of any type out; nullptr when there is none or it was lent.
  [[nodiscard]] std::unique_ptr<Resource> remove(std::uint32_t rep) {
    if (rep >= slots_.size() || slots_[rep].object == nullptr) return nullptr;
    Resource* object = slots_[rep].owned == Owned::kYes ? slots_[rep].object : nullptr;
    slots_[rep] = {nullptr, nullptr, free_, Owned::kNo};
    free_ = rep;
    --count_;
    return std::unique_ptr<Resource>(object);
  }

  [[nodiscard]] std::size_t size() const { return count_; }

  ResourceTable() = default;
  ResourceTable(const ResourceTable&) = delete;
  ResourceTable& operator=(const ResourceTable&) = delete;
  ~ResourceTable() {
    for (Slot& slot : slots_)
      if (slot.owned == Owned::kYes) delete slot.object;
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  enum class Owned : std::uint8_t { kNo, kYes };
  struct Slot {
    Resource* object = nullptr;
    const void* type = nullptr;
    std::uint32_t next = kNone;
    Owned owned = Owned::kNo;
  };

  [[nodiscard]] Result<std::uint32_t> place(Resource* object, const void* type, Owned owned) {
    if (object == nullptr) return fail(Code::kInternal, "the host returned a null resource");
    std::uint32_t rep = free_;
    if (rep == kNone) {
      if (slots_.size() >= kMaxResources)
        return fail(Code::kResourceExhausted, "the guest holds too many host resources (65536)");
      rep = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      free_ = slots_[rep].next;
    }
    slots_[rep] = {object, type, kNone, owned};
    ++count_;
    return rep;
  }

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> lent_;
  std::uint32_t free_ = kNone;
  std::size_t count_ = 0;
};

}  // namespace berth::abi
