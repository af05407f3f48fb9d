// Components that are small or simple to write and expensive to compile, written byte by byte.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

namespace berth::tiers {

using Bytes = std::vector<std::uint8_t>;

// Unsigned or signed LEB128 of a small number; signed numbers below 64 have the same bytes.
inline void number(Bytes& out, std::uint64_t value) {
  do {
    const auto low = static_cast<std::uint8_t>(value & 0x7f);
    value >>= 7;
    out.push_back(value != 0 ? low | 0x80 : low);
  } while (value != 0);
}
// i32.const's operand, which is signed.
inline void signed_number(Bytes& out, std::int64_t value) {
  for (;;) {
    const auto low = static_cast<std::uint8_t>(value & 0x7f);
    value >>= 7;
    const bool last = (value == 0 && (low & 0x40) == 0) || (value == -1 && (low & 0x40) != 0);
    out.push_back(last ? low : low | 0x80);
    if (last) return;
  }
}
inline void append(Bytes& out, std::span<const std::uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}
inline void append(Bytes& out, std::initializer_list<std::uint8_t> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}
inline void sized(Bytes& out, std::span<const std::uint8_t> bytes) {
  number(out, bytes.size());
  append(out, bytes);
}
inline void section(Bytes& module, std::uint8_t id, std::span<const std::uint8_t> content) {
  module.push_back(id);
  sized(module, content);
}

// A component that holds `module` and does nothing with it.
inline Bytes component_with(std::span<const std::uint8_t> module) {
  Bytes out = {0, 'a', 's', 'm', 0x0d, 0, 1, 0};
  section(out, 1, module);
  return out;
}
inline Bytes new_module() { return {0, 'a', 's', 'm', 1, 0, 0, 0}; }

// `count` functions (i32) -> i32 with the same body, whose last instruction leaves the result.
inline Bytes functions(std::size_t count, const Bytes& locals, const Bytes& instructions) {
  Bytes module = new_module();
  section(module, 1, Bytes{1, 0x60, 1, 0x7f, 1, 0x7f});
  Bytes types;
  number(types, count);
  types.resize(types.size() + count, 0);
  section(module, 3, types);
  Bytes body = locals;
  append(body, instructions);
  body.push_back(0x0b);
  Bytes code;
  number(code, count);
  for (std::size_t i = 0; i < count; ++i) sized(code, body);
  section(module, 10, code);
  return component_with(module);
}
inline const Bytes kNoLocals = {0};

// As many functions as a module may have, none of them empty.
inline Bytes very_many_functions() {
  Bytes body;
  for (std::uint8_t i = 0; i < 8; ++i) append(body, {0x20, 0, 0x41, i, 0x6a, 0x21, 0});  // local 0 += i
  append(body, {0x20, 0});
  return functions(1'000'000, kNoLocals, body);
}

// One function of nearly the largest size, in which every value lives to the end: `locals` i64s, each
// changed again and again behind a branch.
inline Bytes huge_function(std::uint32_t locals = 2'000) {
  Bytes declared = {1};
  number(declared, locals);
  declared.push_back(0x7e);
  Bytes body;
  for (std::uint32_t i = 0; body.size() < 7'000'000; i = (i + 1) % locals) {
    // if (local 0) { local i = local i * local i+1 }
    append(body, {0x20, 0, 0x04, 0x40, 0x20});
    number(body, 1 + i);
    body.push_back(0x20);
    number(body, 1 + (i + 1) % locals);
    append(body, {0x7e, 0x21});
    number(body, 1 + i);
    body.push_back(0x0b);
  }
  append(body, {0x20, 0});
  return functions(1, declared, body);
}

// Blocks in blocks, as deep as the size of a function allows.
inline Bytes deep_nesting(std::size_t depth = 2'000'000) {
  Bytes body;
  for (std::size_t i = 0; i < depth; ++i) append(body, {0x02, 0x40});
  for (std::size_t i = 0; i < depth; ++i) body.push_back(0x0b);
  append(body, {0x20, 0});
  return functions(1, kNoLocals, body);
}

// Loops in loops, each with a branch to every tenth around it.
inline Bytes nested_branches(std::size_t depth = 3'000) {
  Bytes body;
  for (std::size_t i = 0; i < depth; ++i) {
    append(body, {0x03, 0x40});
    for (std::size_t out = 0; out < i; out += 10) {
      append(body, {0x20, 0, 0x0d});
      number(body, out);
    }
  }
  for (std::size_t i = 0; i < depth; ++i) body.push_back(0x0b);
  append(body, {0x20, 0});
  return functions(1, kNoLocals, body);
}

// As many data segments as a module may have, far apart in 4 GiB.
inline Bytes very_many_data_segments(std::size_t count = 100'000) {
  Bytes module = new_module();
  Bytes memory = {1, 0};
  number(memory, 65'536);
  section(module, 5, memory);
  Bytes data;
  number(data, count);
  for (std::size_t i = 0; i < count; ++i) {
    append(data, {0x00, 0x41});
    signed_number(data, static_cast<std::int32_t>(i * 42'000));
    append(data, {0x0b, 1, 0xa5});
  }
  section(module, 11, data);
  return component_with(module);
}

// Component text: a record with one long name, in a tuple of two tuples of two ..., 2^17 times in all: small,
// within every limit of the format, and gigabytes when it is written out.
inline std::string doubled_types() {
  const std::string name(50'000, 'a');
  std::string text = "(component (import \"a:b/c\" (instance (type $own (record (field \"" + name +
                     "\" u8))) (export \"r\" (type $t0 (eq $own)))";
  for (int i = 1; i <= 17; ++i) {
    const std::string before = " $t" + std::to_string(i - 1);
    text += "(type $t" + std::to_string(i) + " (tuple" + before + before + "))";
  }
  return text + "(export \"f\" (func (param \"a\" $t17))))))";
}

}  // namespace berth::tiers
