// Component: compiled code, and its shape: what it imports and exports.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "abi/engine.h"
#include "base/error.h"
#include "engine/include/berth_engine.h"

namespace berth::abi {

enum class ItemKind : std::uint8_t { kInterface, kFunc, kResource, kType, kComponent, kModule };

// One import or export.
struct Item {
  std::string name;  // "ns:pkg/iface@1.0.0", or a plain name
  ItemKind kind = ItemKind::kType;
  std::string type;         // kFunc: structural text, "func(a: u32) -> string"
  std::vector<Item> items;  // kInterface: what is in it
  bool operator==(const Item&) const = default;
};

struct Shape {
  std::vector<Item> imports;  // in the order of the binary
  std::vector<Item> exports;
  bool operator==(const Shape&) const = default;
};

// What the first bytes say; nothing is validated.
enum class BinaryKind : std::uint8_t { kUnknown, kComponent, kModule };
[[nodiscard]] BinaryKind binary_kind(std::span<const std::uint8_t> bytes);
// Component from a preview-1 core module, and from component text. kInvalidArgument.
[[nodiscard]] Result<std::vector<std::uint8_t>> adapt_module(std::span<const std::uint8_t> bytes);
[[nodiscard]] Result<std::vector<std::uint8_t>> parse_text(std::string_view text);

// Parses the engine's description (berth_component_describe).
[[nodiscard]] Result<Shape> parse_shape(std::string_view json);
// The shape of a component binary, which is validated but not compiled. Functions have no type.
// kInvalidArgument, as Component::compile.
[[nodiscard]] Result<Shape> read_shape(std::span<const std::uint8_t> bytes);

// Compiles as Component::compile, for any engine whose key() is `engine`'s, and writes the code to `fd`.
// Blocks.  kUnavailable: it cannot be written, and some of it may be there.
[[nodiscard]] Result<void> compile_into(int fd, const Engine& engine, std::span<const std::uint8_t> bytes);

// Compiled code. Immutable; threads: thread-safe.
class Component final {
 public:
  // Validates and compiles. Blocks for the compile time.
  //  kInvalidArgument, with what and where. kFailedPrecondition: valid, but not for Winch.
  [[nodiscard]] static Result<std::shared_ptr<const Component>> compile(std::shared_ptr<const Engine> engine,
                                                                        std::span<const std::uint8_t> bytes);
  // Maps what compile_into() wrote, of this key; bytes after it do no harm. Blocks for the disk.
  // Only the outer form is checked here: the file must be of our own making and whole, and nobody may
  // write to it as long as the component lives, or whatever is in it runs in this process.
  //  kInvalidArgument: no compiled code, or made by another version or for other settings.
  [[nodiscard]] static Result<std::shared_ptr<const Component>> load(std::shared_ptr<const Engine> engine,
                                                                     int fd);
  Component(const Component&) = delete;
  Component& operator=(const Component&) = delete;
  ~Component() { berth_component_free(component_); }

  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] const std::shared_ptr<const Engine>& engine() const { return engine_; }
  [[nodiscard]] const berth_component_t* raw() const { return component_; }

 private:
  Component(std::shared_ptr<const Engine> engine, berth_component_t* component)
      : engine_(std::move(engine)), component_(component) {}
  // Takes `component` over.
  static Result<std::shared_ptr<const Component>> adopt(std::shared_ptr<const Engine> engine,
                                                        berth_component_t* component);
  std::shared_ptr<const Engine> engine_;
  berth_component_t* component_;
  Shape shape_;
};

}  // namespace berth::abi
