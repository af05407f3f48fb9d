// Rules: matching, and what to write instead.
#include "capabilities/kubernetes/rules.h"

#include <fmt/format.h>

#include <algorithm>

namespace berth::kubernetes {
namespace {

template <class List, class T>
bool contains(const List& list, const T& one) {
  return std::ranges::find(list, one) != std::ranges::end(list);
}

std::string text_of(const Ask& ask) {
  std::string out = ask.resource.shown();
  if (!ask.subresource.empty()) out.append("/").append(ask.subresource);
  return out;
}

// The one object that a list or a watch is about: of "metadata.name=x", nothing else.
std::string_view only_name(std::string_view fields) {
  constexpr std::string_view kBegin = "metadata.name=";
  if (!fields.starts_with(kBegin)) return {};
  fields.remove_prefix(kBegin.size());
  if (fields.starts_with('=')) fields.remove_prefix(1);
  return is_object_name(fields) && fields.find_first_of(",=!") == std::string_view::npos ? fields
                                                                                         : std::string_view();
}

std::string_view name_of(const Ask& ask) { return ask.name.empty() ? only_name(ask.fields) : ask.name; }

bool allows(const Rule& rule, const Ask& ask, std::string_view resource, std::string_view name) {
  if (!contains(rule.verbs, ask.verb) || !contains(rule.resources, resource)) return false;
  if (!rule.everywhere && !(ask.ns && contains(rule.namespaces, *ask.ns))) return false;
  return rule.names.empty() || (!name.empty() && contains(rule.names, name));
}

// As YAML takes it in a flow list.
std::string item(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '/';
  });
  const bool word =
      !text.empty() && ((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z'));
  if (plain && word && text != "null" && text != "true" && text != "false") return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

std::string_view name_of(Verb verb) {
  switch (verb) {
    case Verb::kGet: return "get";
    case Verb::kList: return "list";
    case Verb::kWatch: return "watch";
    case Verb::kCreate: return "create";
    case Verb::kUpdate: return "update";
    case Verb::kPatch: return "patch";
    case Verb::kDelete: return "delete";
  }
  std::unreachable();
}

bool allows(const std::vector<Rule>& rules, const Ask& ask) {
  if (is_forbidden(ask.resource.plural, ask.subresource)) return false;
  const std::string resource = text_of(ask);
  const std::string_view name = name_of(ask);
  return std::ranges::any_of(rules, [&](const Rule& rule) { return allows(rule, ask, resource, name); });
}

std::string shown(const Ask& ask) {
  const bool many = ask.name.empty() && ask.verb != Verb::kCreate;
  return fmt::format("{} of {}{}{}{}", name_of(ask.verb), text_of(ask), ask.name.empty() ? "" : " ", ask.name,
                     ask.ns ? " in " + *ask.ns
                     : many ? " in all namespaces"
                            : "");
}

std::string line_for(const Ask& ask) {
  if (is_forbidden(ask.resource.plural, ask.subresource))
    return "nothing; it would hand out credentials or a connection into the cluster, and is never granted";
  return fmt::format("kubernetes: {{ verbs: [{}], resources: [{}], namespaces: [{}] }}",
                     ask.verb == Verb::kWatch ? "list, watch" : name_of(ask.verb), item(text_of(ask)),
                     ask.ns ? item(*ask.ns) : "\"*\"");
}

bool is_forbidden(std::string_view resource, std::string_view subresource) {
  const std::string_view plural = resource.substr(0, resource.find('.'));
  if (plural == "serviceaccounts" && subresource == "token") return true;
  for (const std::string_view connects :
       {"exec", "attach", "portforward", "proxy", "console", "vnc", "vsock", "usbredir"})
    if (subresource == connects) return true;
  return false;
}

std::optional<ResourceText> parse_resource(std::string_view text) {
  ResourceText out;
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string_view resource = text.substr(0, slash);
  if (slash < text.size()) {
    out.subresource = text.substr(slash + 1);
    if (!is_label(out.subresource)) return std::nullopt;
  }
  const std::size_t dot = std::min(resource.find('.'), resource.size());
  out.plural = resource.substr(0, dot);
  if (dot < resource.size()) {
    out.group = resource.substr(dot + 1);
    if (out.group.empty()) return std::nullopt;
  }
  if (!is_label(out.plural) || !is_group(out.group)) return std::nullopt;
  return out;
}

}  // namespace berth::kubernetes
