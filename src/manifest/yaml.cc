// YAML text to Value, over yaml-cpp's event parser.
#include "manifest/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "manifest/limits.h"

namespace berth::manifest {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// Length of the valid UTF-8 character at the start of `text`, 0 when there is none (Unicode table 3-7).
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf)
    length = 2;
  else if (first >= 0xe0 && first <= 0xef)
    length = 3;
  else if (first >= 0xf0 && first <= 0xf4)
    length = 4;
  else
    return 0;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (byte(i) < low || byte(i) > high) return 0;
    low = 0x80, high = 0xbf;
  }
  return length;
}

// yaml-cpp counts columns in bytes; people count characters.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') starts_.push_back(i + 1);
    }
  }
  Mark mark(const YAML::Mark& at) const {
    if (at.line < 0 || at.column < 0) return {};
    const auto line = std::min(static_cast<std::size_t>(at.line), starts_.size() - 1);
    const std::string_view before =
        text_.substr(starts_[line]).substr(0, static_cast<std::size_t>(at.column));
    const auto characters =
        std::ranges::count_if(before, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
    return {static_cast<int>(line) + 1, static_cast<int>(characters) + 1};
  }

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_;
};

// Builds the tree. Events cannot be refused without throwing through the parser's frames, so after
// a problem that makes the rest meaningless (broken_) the builder lets them pass.
// One thread at a time.
class Builder final : public YAML::EventHandler {
 public:
  Builder(const Lines& lines, Problems& problems) : lines_(lines), problems_(problems) {}

  std::optional<Value> take() {
    if (broken_ || !root_) return std::nullopt;
    return std::move(root_);
  }
  bool broken() const { return broken_; }
  // Where the innermost collection that is not closed begins.
  Mark open_mark() const { return stack_.empty() ? Mark{} : stack_.back().value.mark(); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& at, YAML::anchor_t) override {
    if (!begin(at)) return;
    if (wants_key()) {
      problems_.add(lines_.mark(at), "a key is missing before \":\"; write a name there");
      broken_ = true;
      return;
    }
    // The parser's mark is where it noticed, perhaps lines later; the key is where the reader looks.
    const bool keyed = !stack_.empty() && stack_.back().has_key;
    put(Value::null(keyed ? stack_.back().key_mark : lines_.mark(at)));
  }

  void OnAlias(const YAML::Mark& at, YAML::anchor_t) override {
    if (!begin(at)) return;
    problems_.add(lines_.mark(at), "aliases (*name) are not supported; write the value out");
    if (wants_key())
      broken_ = true;
    else
      put(Value::null(lines_.mark(at)));
  }

  void OnAnchor(const YAML::Mark& at, const std::string&) override {
    if (broken_) return;
    problems_.add(lines_.mark(at), "anchors (&name) are not supported; leave the anchor out");
  }

  void OnScalar(const YAML::Mark& at, const std::string& tag, YAML::anchor_t,
                const std::string& text) override {
    if (!begin(at)) return;
    check_tag(at, tag);
    if (text.size() > kMaxScalarBytes) {
      problems_.add(lines_.mark(at),
                    fmt::format("a value of {} bytes is too long; {} are allowed, put it into a file",
                                text.size(), kMaxScalarBytes));
      broken_ = true;
      return;
    }
    const bool quoted = tag == "!";
    if (!wants_key()) {
      put(Value::scalar(lines_.mark(at), text, quoted));
      return;
    }
    Frame& frame = stack_.back();
    frame.key = text;
    frame.key_mark = lines_.mark(at);
    frame.has_key = true;
    frame.drop = false;
    if (text == "<<" && !quoted) {
      problems_.add(frame.key_mark, "merge keys (<<) are not supported; write the keys out");
      frame.drop = true;
    } else if (frame.value.find(text) != nullptr) {
      problems_.add(frame.key_mark,
                    fmt::format("the key {} is written twice; remove one of them", shown(text)));
      frame.drop = true;
    }
  }

  void OnSequenceStart(const YAML::Mark& at, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(at, tag, Value::list(lines_.mark(at)));
  }
  void OnMapStart(const YAML::Mark& at, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(at, tag, Value::map(lines_.mark(at)));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Value value;
    std::string key;
    Mark key_mark;
    bool has_key = false;
    bool drop = false;  // the pending key was refused
  };

  bool wants_key() const { return !stack_.empty() && stack_.back().value.is_map() && !stack_.back().has_key; }

  // Counts a value; false when the event is to be ignored.
  bool begin(const YAML::Mark& at) {
    if (broken_) return false;
    if (++values_ > kMaxValues) {
      problems_.add(
          lines_.mark(at),
          fmt::format("more than {} values; split the manifest into several hosts' manifests", kMaxValues));
      broken_ = true;
    }
    return !broken_;
  }

  void check_tag(const YAML::Mark& at, const std::string& tag) {
    // yaml-cpp: "?" for a plain scalar, "!" for a quoted one, "" or "?" for collections.
    if (tag.empty() || tag == "?" || tag == "!") return;
    problems_.add(lines_.mark(at), fmt::format("tags ({}) are not supported; leave the tag out", shown(tag)));
  }

  void open(const YAML::Mark& at, const std::string& tag, Value value) {
    if (!begin(at)) return;
    check_tag(at, tag);
    if (wants_key()) {
      problems_.add(lines_.mark(at), "a key must be a plain name, not a map or a list");
      broken_ = true;
      return;
    }
    if (stack_.size() >= kMaxDepth) {
      problems_.add(lines_.mark(at),
                    fmt::format("nested more than {} deep; no key of a manifest is", kMaxDepth));
      broken_ = true;
      return;
    }
    stack_.push_back({std::move(value), {}, {}, false, false});
  }

  void close() {
    if (broken_ || stack_.empty()) return;
    Value done = std::move(stack_.back().value);
    stack_.pop_back();
    put(std::move(done));
  }

  void put(Value value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& frame = stack_.back();
    if (frame.value.is_list()) {
      frame.value.push_back(std::move(value));
      return;
    }
    if (!frame.drop) frame.value.insert(std::move(frame.key), frame.key_mark, std::move(value));
    frame.has_key = false;
  }

  const Lines& lines_;
  Problems& problems_;
  std::vector<Frame> stack_;
  std::optional<Value> root_;
  std::size_t values_ = 0;
  bool broken_ = false;
};

// What to do about the parser's own messages.
std::string_view advice(std::string_view message) {
  struct Advice {
    std::string_view part, text;
  };
  static constexpr std::array kAdvice = {
      Advice{"illegal map value",
             "a value that contains \": \" needs quotes, and a list item after a key its own line"},
      Advice{"end of map not found", "align the key with the others of its map, or close the {"},
      Advice{"end of map flow not found", "close the {"},
      Advice{"end of sequence not found", "align the \"-\" with the others of its list"},
      Advice{"end of sequence flow not found", "close the ["},
      Advice{"illegal flow end", "remove the closing bracket or open it"},
      Advice{"illegal block entry", "put the \"-\" on its own line, indented under its key"},
      Advice{"illegal map key", "write the key on its own line"},
      Advice{"simple key", "a key and its \":\" must be on one line"},
      Advice{"end of file", "close the quote or bracket"},
      Advice{"escape character", "use single quotes around a text with backslashes"},
      Advice{"tab", "indent with spaces"},
      Advice{"alias", "write the value out"},
      Advice{"anchor", "leave the anchor out"},
      Advice{"depth", "nest less"},
  };
  for (const Advice& a : kAdvice) {
    if (message.find(a.part) != std::string_view::npos) return a.text;
  }
  return "check indentation, quotes and brackets here";
}

// What YAML allows but no editor shows, found before the parser sees it.
bool check_text(std::string_view text, Problems& problems) {
  Mark mark;
  bool indent = true;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = character_length(text.substr(i));
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (length == 0) {
      problems.add(mark, fmt::format("the byte 0x{:02x} is not UTF-8; save the file as UTF-8", c));
      return false;
    }
    if (c == '\t' && indent) {
      problems.add(mark, "a tab in the indentation; indent with spaces");
      return false;
    }
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
      problems.add(mark, fmt::format("the control character 0x{:02x}; remove it", c));
      return false;
    }
    i += length;
    if (c == '\n') {
      ++mark.line;
      mark.column = 1;
      indent = true;
    } else {
      ++mark.column;
      if (c != ' ') indent = false;
    }
  }
  return true;
}

}  // namespace

std::optional<Value> parse_yaml(std::string_view text, Problems& problems) {
  if (text.size() > kMaxManifestBytes) {
    problems.add(
        {}, fmt::format("the file has {} bytes; a manifest may have {}", text.size(), kMaxManifestBytes));
    return std::nullopt;
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (!check_text(text, problems)) return std::nullopt;

  const Lines lines(text);
  Builder builder(lines, problems);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    if (!parser.HandleNextDocument(builder)) return Value::null({});
    std::optional<Value> root = builder.take();
    if (builder.broken()) return std::nullopt;
    Builder second(lines, problems);
    if (parser.HandleNextDocument(second)) {
      const auto extra = second.take();
      problems.add(extra ? extra->mark() : Mark{},
                   "a second document; a manifest is one, remove the \"---\"");
    }
    return root ? std::move(root) : Value::null({});
  } catch (const YAML::Exception& e) {
    if (!builder.broken()) {
      const bool never_closed = e.msg.find("flow not found") != std::string::npos;
      problems.add(never_closed ? builder.open_mark() : lines.mark(e.mark),
                   fmt::format("not YAML: {}; {}", e.msg, advice(e.msg)));
    }
  } catch (const std::exception& e) {
    problems.add({}, fmt::format("not YAML: {}; check indentation, quotes and brackets", e.what()));
  }
  return std::nullopt;
}

}  // namespace berth::manifest
