// Component: compilation and the parsing of its shape.
#include "abi/component.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "abi/failure.h"
#include "abi/limits.h"

namespace berth::abi {

namespace {

using Json = nlohmann::json;

std::unexpected<Error> bad_shape(std::string_view what) {
  return fail(Code::kInternal, "the engine's description of the component is wrong: " + std::string(what));
}

Result<std::vector<Item>> parse_items(const Json& list, int depth) {
  // World, interface, item: nothing nests deeper.
  constexpr int kMaxDepth = 4;
  if (!list.is_array() || depth > kMaxDepth) return bad_shape("items");
  std::vector<Item> out;
  out.reserve(list.size());
  for (const Json& j : list) {
    if (!j.is_object() || !j.contains("name") || !j["name"].is_string() || !j.contains("kind") ||
        !j["kind"].is_string())
      return bad_shape("an item without name or kind");
    Item item;
    item.name = j["name"].get_ref<const std::string&>();
    const auto& kind = j["kind"].get_ref<const std::string&>();
    if (kind == "interface") {
      item.kind = ItemKind::kInterface;
      if (!j.contains("items")) return bad_shape("an interface without items");
      item.items = BERTH_TRY(parse_items(j["items"], depth + 1));
    } else if (kind == "func") {
      item.kind = ItemKind::kFunc;
      if (!j.contains("type") || !j["type"].is_string()) return bad_shape("a function without type");
      item.type = j["type"].get_ref<const std::string&>();
    } else if (kind == "resource") {
      item.kind = ItemKind::kResource;
    } else if (kind == "type") {
      item.kind = ItemKind::kType;
    } else if (kind == "component") {
      item.kind = ItemKind::kComponent;
    } else if (kind == "module") {
      item.kind = ItemKind::kModule;
    } else {
      return bad_shape("kind " + kind);
    }
    out.push_back(std::move(item));
  }
  return out;
}

std::vector<std::uint8_t> take_bytes(berth_bytes_t bytes) {
  std::vector<std::uint8_t> out(bytes.data, bytes.data + bytes.len);
  berth_bytes_free(bytes);
  return out;
}

Result<Shape> take_shape(berth_bytes_t json) {
  Result<Shape> shape = parse_shape({reinterpret_cast<const char*>(json.data), json.len});
  berth_bytes_free(json);
  return shape;
}

}  // namespace

BinaryKind binary_kind(std::span<const std::uint8_t> bytes) {
  switch (berth_kind(bytes.data(), bytes.size())) {
    case BERTH_KIND_COMPONENT: return BinaryKind::kComponent;
    case BERTH_KIND_MODULE: return BinaryKind::kModule;
    default: return BinaryKind::kUnknown;
  }
}

Result<std::vector<std::uint8_t>> adapt_module(std::span<const std::uint8_t> bytes) {
  berth_bytes_t out{};
  if (auto r = check(berth_adapt_module(bytes.data(), bytes.size(), &out)); !r)
    return fail(std::move(r).error());
  return take_bytes(out);
}

Result<std::vector<std::uint8_t>> parse_text(std::string_view text) {
  berth_bytes_t out{};
  if (auto r = check(berth_parse_text(text.data(), text.size(), &out)); !r) return fail(std::move(r).error());
  return take_bytes(out);
}

Result<Shape> parse_shape(std::string_view json) {
  if (json.size() > kMaxDescribeBytes)
    return fail(Code::kResourceExhausted, "the component's description is over 16 MiB");
  const Json j = Json::parse(json, nullptr, false);
  if (!j.is_object() || !j.contains("imports") || !j.contains("exports"))
    return bad_shape("not an object of imports and exports");
  Shape shape;
  shape.imports = BERTH_TRY(parse_items(j["imports"], 0));
  shape.exports = BERTH_TRY(parse_items(j["exports"], 0));
  return shape;
}

Result<Shape> read_shape(std::span<const std::uint8_t> bytes) {
  berth_bytes_t json{};
  if (auto r = check(berth_read_shape(bytes.data(), bytes.size(), &json)); !r)
    return fail(std::move(r).error());
  return take_shape(json);
}

Result<void> compile_into(int fd, const Engine& engine, std::span<const std::uint8_t> bytes) {
  berth_bytes_t code{};
  BERTH_TRY(check(berth_compile(engine.raw(), bytes.data(), bytes.size(), &code)));
  Result<void> written;
  for (std::size_t at = 0; at < code.len && written;) {
    const ssize_t n = ::write(fd, code.data + at, code.len - at);
    if (n >= 0) at += static_cast<std::size_t>(n);
    if (n < 0 && errno != EINTR) {
      written = fail(Code::kUnavailable, "writing compiled code: " + std::generic_category().message(errno));
    }
  }
  berth_bytes_free(code);
  return written;
}

Result<std::shared_ptr<const Component>> Component::compile(std::shared_ptr<const Engine> engine,
                                                            std::span<const std::uint8_t> bytes) {
  berth_component_t* raw = nullptr;
  BERTH_TRY(check(berth_component_compile(engine->raw(), bytes.data(), bytes.size(), &raw)));
  return adopt(std::move(engine), raw);
}

Result<std::shared_ptr<const Component>> Component::load(std::shared_ptr<const Engine> engine, int fd) {
  berth_component_t* raw = nullptr;
  if (auto r = check(berth_component_load(engine->raw(), fd, &raw)); !r)
    return fail(std::move(r).error().context("mapping compiled code"));
  return adopt(std::move(engine), raw);
}

Result<std::shared_ptr<const Component>> Component::adopt(std::shared_ptr<const Engine> engine,
                                                          berth_component_t* raw) {
  std::shared_ptr<Component> component(new Component(std::move(engine), raw));
  berth_bytes_t json{};
  if (auto r = check(berth_component_describe(raw, &json)); !r) return fail(std::move(r).error());
  component->shape_ = BERTH_TRY(take_shape(json));
  return component;
}

}  // namespace berth::abi
