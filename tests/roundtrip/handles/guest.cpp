// The handles guest: gives back every handle it is given, directly or through the host, and keeps
// objects of its own. On wit-bindgen c; its C++ generator confuses handles in 0.63.
#include <cstdlib>
#include <utility>

#include "handles.h"

namespace {

bool through = false;

std::uint64_t number(const handles_string_t& text) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < text.len; ++i) out = out * 10 + (text.ptr[i] - '0');
  return out;
}

// Lists are freed by hand: the helpers would drop the handles that were given away.
template <class List>
void release(List* list) {
  if (list->len > 0) std::free(list->ptr);
}

}  // namespace

struct exports_berth_handles_guest_item_t {
  std::uint64_t value;
};

exports_berth_handles_guest_own_item_t exports_berth_handles_guest_constructor_item(std::uint64_t value) {
  return exports_berth_handles_guest_item_new(new exports_berth_handles_guest_item_t{value});
}
std::uint64_t exports_berth_handles_guest_method_item_get(exports_berth_handles_guest_borrow_item_t self) {
  return self->value;
}
void exports_berth_handles_guest_method_item_set(exports_berth_handles_guest_borrow_item_t self,
                                                 std::uint64_t value) {
  self->value = value;
}
exports_berth_handles_guest_own_item_t exports_berth_handles_guest_static_item_parse(handles_string_t* text) {
  const auto item = exports_berth_handles_guest_constructor_item(number(*text));
  handles_string_free(text);
  return item;
}
void exports_berth_handles_guest_item_destructor(exports_berth_handles_guest_item_t* item) { delete item; }

void exports_berth_handles_guest_set_through(bool on) { through = on; }

std::uint64_t exports_berth_handles_guest_use_thing(std::uint64_t value) {
  char digits[] = "1000";
  handles_string_t text{reinterpret_cast<std::uint8_t*>(digits), 4};
  const auto made = berth_handles_host_constructor_thing(value);
  const auto parsed = berth_handles_host_static_thing_parse(&text);
  const auto borrowed = berth_handles_host_borrow_thing(made);
  std::uint64_t sum = berth_handles_host_method_thing_get(borrowed);
  berth_handles_host_method_thing_set(borrowed, value + 1);
  sum += berth_handles_host_method_thing_get(borrowed);
  sum += berth_handles_host_method_thing_get(berth_handles_host_borrow_thing(parsed));
  berth_handles_host_thing_drop_own(made);
  berth_handles_host_thing_drop_own(parsed);
  return sum;
}

exports_berth_handles_guest_own_thing_t exports_berth_handles_guest_own_thing(
    exports_berth_handles_guest_own_thing_t v) {
  return through ? berth_handles_host_own_thing(v) : v;
}
std::uint64_t exports_berth_handles_guest_read_thing(exports_berth_handles_guest_borrow_thing_t v) {
  const std::uint64_t value =
      through ? berth_handles_host_read_thing(v) : berth_handles_host_method_thing_get(v);
  berth_handles_host_thing_drop_borrow(v);
  return value;
}
void exports_berth_handles_guest_own_things(exports_berth_handles_guest_list_own_thing_t* v,
                                            exports_berth_handles_guest_list_own_thing_t* ret) {
  if (!through) {
    *ret = *v;
    return;
  }
  berth_handles_host_list_own_thing_t given{v->ptr, v->len};
  berth_handles_host_list_own_thing_t got;
  berth_handles_host_own_things(&given, &got);
  release(v);
  *ret = {got.ptr, got.len};
}
void exports_berth_handles_guest_read_things(exports_berth_handles_guest_list_borrow_thing_t* v,
                                             handles_list_u64_t* ret) {
  if (through) {
    berth_handles_host_list_borrow_thing_t given{v->ptr, v->len};
    berth_handles_host_read_things(&given, ret);
  } else {
    ret->ptr = static_cast<std::uint64_t*>(std::malloc(v->len * sizeof(std::uint64_t)));
    ret->len = v->len;
    for (std::size_t i = 0; i < v->len; ++i) ret->ptr[i] = berth_handles_host_method_thing_get(v->ptr[i]);
  }
  for (std::size_t i = 0; i < v->len; ++i) berth_handles_host_thing_drop_borrow(v->ptr[i]);
  release(v);
}
bool exports_berth_handles_guest_own_option(exports_berth_handles_guest_own_thing_t* v,
                                            exports_berth_handles_guest_own_thing_t* ret) {
  if (through) return berth_handles_host_own_option(v, ret);
  if (v != nullptr) *ret = *v;
  return v != nullptr;
}
bool exports_berth_handles_guest_own_result(exports_berth_handles_guest_result_own_thing_string_t* v,
                                            exports_berth_handles_guest_own_thing_t* ret,
                                            handles_string_t* err) {
  if (through) {
    berth_handles_host_result_own_thing_string_t given{v->is_err, {}};
    if (v->is_err)
      given.val.err = v->val.err;
    else
      given.val.ok = v->val.ok;
    const bool ok = berth_handles_host_own_result(&given, ret, err);
    if (v->is_err) handles_string_free(&v->val.err);
    return ok;
  }
  if (v->is_err)
    *err = v->val.err;
  else
    *ret = v->val.ok;
  return !v->is_err;
}
void exports_berth_handles_guest_own_record(exports_berth_handles_guest_class_t* v,
                                            exports_berth_handles_guest_class_t* ret) {
  if (!through) {
    *ret = *v;
    return;
  }
  berth_handles_host_own_record(v, ret);
  handles_string_free(&v->text);
}
void exports_berth_handles_guest_own_choice(exports_berth_handles_guest_choice_t* v,
                                            exports_berth_handles_guest_choice_t* ret) {
  if (!through) {
    *ret = *v;
    return;
  }
  berth_handles_host_own_choice(v, ret);
  if (v->tag == BERTH_HANDLES_HOST_CHOICE_NAMED) handles_string_free(&v->val.named.f0);
}
void exports_berth_handles_guest_own_nested(
    exports_berth_handles_guest_list_tuple2_option_own_thing_class_t* v,
    exports_berth_handles_guest_list_tuple2_option_own_thing_class_t* ret) {
  if (!through) {
    *ret = *v;
    return;
  }
  // The two element types are the same but for their names.
  auto* given = reinterpret_cast<berth_handles_host_list_tuple2_option_own_thing_class_t*>(v);
  auto* got = reinterpret_cast<berth_handles_host_list_tuple2_option_own_thing_class_t*>(ret);
  berth_handles_host_own_nested(given, got);
  for (std::size_t i = 0; i < v->len; ++i) handles_string_free(&v->ptr[i].f1.text);
  release(v);
}

exports_berth_handles_guest_own_item_t exports_berth_handles_guest_own_item(
    exports_berth_handles_guest_own_item_t v) {
  return v;
}
std::uint64_t exports_berth_handles_guest_read_item(exports_berth_handles_guest_borrow_item_t v) {
  return v->value;
}
void exports_berth_handles_guest_own_items(exports_berth_handles_guest_list_own_item_t* v,
                                           exports_berth_handles_guest_list_own_item_t* ret) {
  *ret = *v;
}
bool exports_berth_handles_guest_own_item_option(exports_berth_handles_guest_own_item_t* v,
                                                 exports_berth_handles_guest_own_item_t* ret) {
  if (v != nullptr) *ret = *v;
  return v != nullptr;
}
