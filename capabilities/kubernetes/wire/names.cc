// Names: checks and paths.
#include "capabilities/kubernetes/wire/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "capabilities/kubernetes/limits.h"

namespace berth::kubernetes {
namespace {

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_unreserved(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == '~';
}

void append_encoded(std::string& out, std::string_view text, std::string_view also = "") {
  for (const char c : text) {
    if (is_unreserved(c) || also.contains(c))
      out += c;
    else
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
  }
}

std::unexpected<Error> invalid(std::string text) { return fail(Code::kInvalidArgument, std::move(text)); }

Result<void> check_selector(std::string_view text, std::string_view which) {
  if (text.size() > kMaxSelectorBytes)
    return invalid(
        fmt::format("the {} selector has {} bytes; {} is the most", which, text.size(), kMaxSelectorBytes));
  if (std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c >= 0x7f; }))
    return invalid(fmt::format("the {} selector holds a control character or one outside of ASCII", which));
  return {};
}

}  // namespace

bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLabelBytes && text.front() != '-' && text.back() != '-' &&
         std::ranges::all_of(text, [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

bool is_group(std::string_view text) {
  if (text.empty()) return true;
  if (text.size() > kMaxGroupBytes) return false;
  for (;;) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    if (!is_label(text.substr(0, dot))) return false;
    if (dot == text.size()) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_object_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes && text != "." && text != ".." &&
         std::ranges::all_of(text, [](unsigned char c) {
           return c > 0x20 && c < 0x7f && !std::string_view("/%?#\\").contains(static_cast<char>(c));
         });
}

Result<void> check(const ResourceType& resource) {
  if (!is_group(resource.group))
    return invalid(R"(the group must be "" or like "apps" or "config.openshift.io", in lower case)");
  if (!is_label(resource.version)) return invalid("the version must be like \"v1\" or \"v1beta1\"");
  if (!is_label(resource.plural))
    return invalid("the resource must be a plural in lower case, such as \"pods\"");
  return {};
}

Result<void> check_namespace(const std::optional<std::string>& ns) {
  if (ns && !is_label(*ns))
    return invalid("the namespace must have 1 to 63 lower-case letters, digits and -; leave it out for none");
  return {};
}

Result<void> check(const Selection& selection) {
  BERTH_TRY(check_selector(selection.labels, "label"));
  return check_selector(selection.fields, "field");
}

Result<void> check(const ObjectName& what, Named named) {
  BERTH_TRY(check(what.resource));
  BERTH_TRY(check_namespace(what.ns));
  if (what.subresource && !is_label(*what.subresource))
    return invalid("the subresource must be a word in lower case, such as \"status\"");
  if (named == Named::kCreate && !what.subresource) {
    if (!what.name.empty())
      return invalid("a create has its name in the object; leave it empty, but for subresources");
    return {};
  }
  if (!is_object_name(what.name))
    return invalid(fmt::format(
        "the name must have 1 to {} printable characters without / % ? # \\, and not be \".\" or \"..\"",
        kMaxNameBytes));
  return {};
}

std::string path_of(const ResourceType& resource, const std::optional<std::string>& ns) {
  std::string out = resource.group.empty() ? "/api/" : "/apis/" + resource.group + "/";
  out += resource.version;
  if (ns) out += "/namespaces/" + *ns;
  return out + "/" + resource.plural;
}

std::string path_of(const ObjectName& what) {
  std::string out = path_of(what.resource, what.ns);
  if (!what.name.empty()) {
    out += '/';
    append_encoded(out, what.name, ":@");
  }
  if (what.subresource) out += "/" + *what.subresource;
  return out;
}

Query& Query::add(std::string_view key, std::string_view value) {
  if (!text_.empty()) text_ += '&';
  text_ += key;
  text_ += '=';
  append_encoded(text_, value);
  return *this;
}

}  // namespace berth::kubernetes
