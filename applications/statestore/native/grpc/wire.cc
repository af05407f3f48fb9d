// Wire format: varints, fixed numbers and length-delimited bytes.
#include "applications/statestore/native/grpc/wire.h"

namespace berth::statestore {

namespace {

enum WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void put_varint(std::string& out, std::uint64_t n) {
  for (; n >= 0x80; n >>= 7) out.push_back(static_cast<char>(n | 0x80));
  out.push_back(static_cast<char>(n));
}

void put_tag(std::string& out, std::uint32_t field, WireType type) {
  put_varint(out, (std::uint64_t{field} << 3) | type);
}

}  // namespace

bool WireReader::varint(std::uint64_t& out) {
  out = 0;
  for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    if (shift == 63 && byte > 1) break;
    out |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return true;
  }
  ok_ = false;
  return false;
}

bool WireReader::fixed(std::size_t bytes, std::uint64_t& out) {
  if (rest_.size() < bytes) {
    ok_ = false;
    return false;
  }
  out = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    out |= std::uint64_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
  }
  rest_.remove_prefix(bytes);
  return true;
}

bool WireReader::next(WireField& field) {
  if (rest_.empty() || !ok_) return false;
  std::uint64_t tag = 0;
  if (!varint(tag)) return false;
  field = {};
  field.number = static_cast<std::uint32_t>(tag >> 3);
  if (field.number == 0 || tag >> 32 != 0) {
    ok_ = false;
    return false;
  }
  switch (tag & 7) {
    case kVarint: return varint(field.number_value);
    case kFixed64: return fixed(8, field.number_value);
    case kFixed32: return fixed(4, field.number_value);
    case kBytes: {
      std::uint64_t size = 0;
      if (!varint(size)) return false;
      if (size > rest_.size()) break;
      field.is_bytes = true;
      field.bytes = rest_.substr(0, static_cast<std::size_t>(size));
      rest_.remove_prefix(static_cast<std::size_t>(size));
      return true;
    }
    default: break;
  }
  ok_ = false;
  return false;
}

bool read_entry(std::string_view message, std::string_view& key, std::string_view& value) {
  return each_field(message, [&](const WireField& f) {
    if (f.number == 1) return read_text(f, key);
    if (f.number == 2) return read_text(f, value);
    return true;
  });
}

void append_number(std::string& out, std::uint32_t field, std::uint64_t value) {
  if (value == 0) return;
  put_tag(out, field, kVarint);
  put_varint(out, value);
}

void append_bytes(std::string& out, std::uint32_t field, std::string_view value) {
  if (!value.empty()) append_message(out, field, value);
}

void append_message(std::string& out, std::uint32_t field, std::string_view message) {
  put_tag(out, field, kBytes);
  put_varint(out, message.size());
  out.append(message);
}

void append_entry(std::string& out, std::uint32_t field, std::string_view key, std::string_view value) {
  std::string entry;
  append_bytes(entry, 1, key);
  append_bytes(entry, 2, value);
  append_message(out, field, entry);
}

}  // namespace berth::statestore
