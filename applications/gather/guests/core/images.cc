// container_images and workload_info: what runs, by image.
#include <map>
#include <vector>

#include "core/core.h"
#include "core/sha256.h"

namespace gather {
namespace {

template <class F>
void for_each_image(const kube::Object& pod, F f) {
  for (const auto status : kube::List<kube::View>(pod.at("status").at("containerStatuses")))
    f(status.at("image").string(), status.at("imageID").string());
}

}  // namespace

Outcome container_images(Run& run, const Gatherer&) {
  constexpr std::size_t kMostImages = 1000;
  std::map<std::string, std::size_t> images;                         // -> number
  std::map<std::string, std::map<std::size_t, std::size_t>> months;  // -> number -> containers
  bool cut = false;
  // Of all, as other gatherers list them: they share what the API answered.
  auto pods = kube::Kind<kube::Object>("", "v1", "pods").list();
  for (auto& pod : pods) {
    if (pod.at("status").at("phase").string() != "Running") continue;
    const std::string month = pod.metadata().creation_timestamp().substr(0, 7);
    for_each_image(pod, [&](const std::string& image, const std::string&) {
      if (image.empty()) return;
      auto found = images.find(image);
      if (found == images.end()) {
        if (images.size() == kMostImages) {
          cut = true;
          return;
        }
        found = images.emplace(image, images.size()).first;
      }
      ++months[month][found->second];
    });
  }
  if (pods.error()) return failed("pods", *pods.error());
  if (cut) run.warning("more than 1000 images run; the rest is left out", "config/running_containers.json");
  std::vector<std::string_view> by_number(images.size());
  for (const auto& [image, number] : images) by_number[number] = image;
  std::string out = "{\"images\":{";
  for (std::size_t i = 0; i < by_number.size(); ++i) {
    if (i > 0) out += ',';
    out += '"' + std::to_string(i) + "\":";
    kube::json::append_quoted(out, by_number[i]);
  }
  out += "},\"containers\":{";
  for (bool first = true; const auto& [month, counts] : months) {
    if (!std::exchange(first, false)) out += ',';
    kube::json::append_quoted(out, month);
    out += ":{";
    for (bool begin = true; const auto& [number, count] : counts) {
      if (!std::exchange(begin, false)) out += ',';
      out += '"' + std::to_string(number) + "\":" + std::to_string(count);
    }
    out += '}';
  }
  (void)run.put("config/running_containers.json", out + "}}");
  return {};
}

Outcome workload_info(Run& run, const Gatherer&) {
  constexpr std::size_t kMostShapes = 10'000;
  struct Shape {
    bool restart_always = false;
    std::vector<std::string> images;
    auto operator<=>(const Shape&) const = default;
  };
  struct Namespace {
    std::size_t count = 0;
    std::map<Shape, std::size_t> shapes;
  };
  std::map<std::string, Namespace> namespaces;
  std::map<std::string, std::size_t> images;
  std::size_t count = 0, shapes = 0;
  bool cut = false;
  auto pods = kube::Kind<kube::Object>("", "v1", "pods").list();
  for (auto& pod : pods) {
    ++count;
    Shape shape{.restart_always = pod.at("spec").at("restartPolicy").string() == "Always", .images = {}};
    for_each_image(pod, [&](const std::string&, const std::string& id) {
      // "registry/name@sha256:…": where it came from is not told.
      const auto digest = id.rfind("sha256:");
      if (digest == id.npos) return;
      shape.images.push_back(id.substr(digest));
      ++images[shape.images.back()];
    });
    Namespace& in = namespaces[short_hash(pod.metadata().namespace_())];
    ++in.count;
    const auto found = in.shapes.find(shape);
    if (found != in.shapes.end())
      ++found->second;
    else if (shapes++ < kMostShapes)
      in.shapes.emplace(std::move(shape), 1);
    else
      cut = true;
  }
  if (pods.error()) return failed("pods", *pods.error());
  if (cut)
    run.warning("pods have more than 10000 shapes; the rest is counted only", "config/workload_info.json");
  std::string out = "{\"pods\":" + std::to_string(count) +
                    ",\"imageCount\":" + std::to_string(images.size()) + ",\"images\":{";
  for (bool first = true; const auto& [digest, containers] : images) {
    if (!std::exchange(first, false)) out += ',';
    kube::json::append_quoted(out, digest);
    out += ":{\"containers\":" + std::to_string(containers) + "}";
  }
  out += "},\"namespaces\":{";
  for (bool first = true; const auto& [hash, in] : namespaces) {
    if (!std::exchange(first, false)) out += ',';
    out += '"' + hash + "\":{\"count\":" + std::to_string(in.count) + ",\"shapes\":[";
    for (bool begin = true; const auto& [shape, pods_alike] : in.shapes) {
      if (!std::exchange(begin, false)) out += ',';
      out += "{\"duplicates\":" + std::to_string(pods_alike - 1) +
             ",\"restartAlways\":" + (shape.restart_always ? "true" : "false") + ",\"containers\":[";
      for (bool initial = true; const std::string& image : shape.images) {
        if (!std::exchange(initial, false)) out += ',';
        out += "{\"imageID\":";
        kube::json::append_quoted(out, image);
        out += '}';
      }
      out += "]}";
    }
    out += "]}";
  }
  (void)run.put("config/workload_info.json", out + "}}");
  return {};
}

}  // namespace gather
