// LiftCx and LowerCx: strings and error texts.
#include "abi/transfer.h"

#include "abi/utf8.h"

namespace berth::abi {

bool LiftCx::string(std::uint32_t address, std::uint32_t length, std::string_view& out) {
  const std::uint8_t* p = nullptr;
  if (!range(address, length, 1, 1, p)) return false;
  out = {reinterpret_cast<const char*>(p), length};
  return is_utf8(out) || fail("string is not UTF-8", address, length);
}

std::string LiftCx::message(std::string_view where) const {
  std::string out(where);
  out.append(": ").append(what_ == nullptr ? "no error" : what_);
  return out.append(" (").append(std::to_string(a_)).append(", ").append(std::to_string(b_)).append(")");
}

bool LowerCx::reserved(std::uint32_t address, std::uint32_t bytes, std::uint32_t alignment) {
  std::size_t size = 0;
  base_ = berth_lower_memory(raw_, &size);
  if ((address & (alignment - 1)) == 0 && std::uint64_t{address} + bytes <= size) return true;
  error_ = engine_error(BERTH_E_TRAP, "the guest's return pointer is not aligned or outside its memory");
  return false;
}

bool LowerCx::utf8(std::string_view text) {
  return is_utf8(text) || fail("the host passed a string that is not UTF-8");
}

bool LowerCx::string(std::string_view text, std::uint32_t& address) {
  if (!utf8(text)) return false;
  if (!realloc(1, text.size(), address)) return false;
  if (!text.empty()) std::memcpy(at(address), text.data(), text.size());
  return true;
}

bool LowerCx::fail(Error error) {
  if (error_ == nullptr) {
    error_ = engine_error(BERTH_E_HOST, error.message());
    if (state_ != nullptr) state_->set_host_error(std::move(error));
  }
  return false;
}

}  // namespace berth::abi
