// Protobuf's wire format, as far as Dapr's state messages need it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace berth::statestore {

// One field of a message. Views lie in the reader's text.
struct WireField {
  std::uint32_t number = 0;
  bool is_bytes = false;
  std::uint64_t number_value = 0;  // of a varint or fixed field
  std::string_view bytes;          // of a length-delimited field
};

// Reads a message's fields in order. Groups, which no current schema has, are malformed.
// One thread at a time.
class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}
  // False at the end, and where the message is malformed: then !ok().
  bool next(WireField& field);
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  bool varint(std::uint64_t& out);
  bool fixed(std::size_t bytes, std::uint64_t& out);
  std::string_view rest_;
  bool ok_ = true;
};

// Gives each field to take(field); false when the message is malformed, or `take` refuses a field.
template <class F>
[[nodiscard]] bool each_field(std::string_view message, F take) {
  WireReader reader(message);
  WireField field;
  while (reader.next(field)) {
    if (!take(field)) return false;
  }
  return reader.ok();
}

// A field that holds text or bytes.
[[nodiscard]] inline bool read_text(const WireField& field, std::string_view& out) {
  out = field.bytes;
  return field.is_bytes;
}

// An entry of a map<string, string>.
[[nodiscard]] bool read_entry(std::string_view message, std::string_view& key, std::string_view& value);

// Fields with their default value are left out, as proto3 does.
void append_number(std::string& out, std::uint32_t field, std::uint64_t value);
void append_bytes(std::string& out, std::uint32_t field, std::string_view value);
// A message that is there counts even when it is empty.
void append_message(std::string& out, std::uint32_t field, std::string_view message);
void append_entry(std::string& out, std::uint32_t field, std::string_view key, std::string_view value);

}  // namespace berth::statestore
