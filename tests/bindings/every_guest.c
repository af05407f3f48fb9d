// The guest of the bindings tests: passes every value through the host's function of the same name.
#include <stdlib.h>
#include <string.h>

#include "every.h"

#define HOST(name) test_every_host_##name
#define GUEST(name) exports_test_every_guest_##name

uint32_t GUEST(add)(uint32_t a, uint32_t b) { return HOST(add)(a, b); }

void GUEST(scalars)(bool a, int8_t b, uint8_t c, int16_t d, uint16_t e, int32_t f, uint32_t g, int64_t h,
                    uint64_t i, float j, double k, uint32_t l,
                    every_tuple12_bool_s8_u8_s16_u16_s32_u32_s64_u64_f32_f64_char32_t* ret) {
  HOST(scalars)(a, b, c, d, e, f, g, h, i, j, k, l, ret);
}
void GUEST(text)(every_string_t* s, every_string_t* ret) {
  HOST(text)(s, ret);
  every_string_free(s);
}
void GUEST(bytes)(every_list_u8_t* b, every_list_u8_t* ret) {
  HOST(bytes)(b, ret);
  every_list_u8_free(b);
}
void GUEST(words)(every_list_u64_t* w, every_list_u64_t* ret) {
  HOST(words)(w, ret);
  every_list_u64_free(w);
}
void GUEST(bools)(every_list_bool_t* b, every_list_bool_t* ret) {
  HOST(bools)(b, ret);
  every_list_bool_free(b);
}
void GUEST(mixed_list)(GUEST(list_mixed_t) * m, GUEST(list_mixed_t) * ret) {
  HOST(mixed_list)((HOST(list_mixed_t)*)m, (HOST(list_mixed_t)*)ret);
  GUEST(list_mixed_free)(m);
}
void GUEST(shapes)(GUEST(list_shape_t) * s, GUEST(list_shape_t) * ret) {
  HOST(shapes)((HOST(list_shape_t)*)s, (HOST(list_shape_t)*)ret);
  GUEST(list_shape_free)(s);
}
void GUEST(one_shape)(GUEST(shape_t) * s, GUEST(shape_t) * ret) {
  HOST(one_shape)(s, ret);
  GUEST(shape_free)(s);
}
void GUEST(colors)(GUEST(color_t) c, GUEST(access_t) a, GUEST(tuple2_color_access_t) * ret) {
  HOST(colors)(c, a, (HOST(tuple2_color_access_t)*)ret);
}
bool GUEST(nested)(GUEST(result_list_option_string_shape_t) * n,
                   GUEST(result_list_option_string_shape_t) * ret) {
  return HOST(nested)((HOST(result_list_option_string_shape_t)*)n,
                      (HOST(result_list_option_string_shape_t)*)ret);
}
void GUEST(many)(every_string_t* a, every_string_t* b, every_string_t* c, every_string_t* d,
                 GUEST(mixed_t) * e, uint64_t f, every_string_t* ret) {
  HOST(many)(a, b, c, d, e, f, ret);
}
bool GUEST(fallible)(every_string_t* s, every_string_t* ret, GUEST(color_t) * err) {
  return HOST(fallible)(s, ret, err);
}
bool GUEST(done)(bool ok) { return HOST(done)(ok); }
void GUEST(slow)(every_string_t* s, every_string_t* ret) {
  HOST(slow)(s, ret);
  every_string_free(s);
}

uint32_t GUEST(use_counters)(uint32_t start) {
  HOST(own_counter_t) a = HOST(constructor_counter)(start);
  HOST(own_counter_t) b = HOST(constructor_counter)(100);
  uint32_t seen = HOST(method_counter_next)(HOST(borrow_counter)(a));                   // start
  seen += HOST(method_counter_slow_next)(HOST(borrow_counter)(b));                      // 100
  HOST(own_counter_t) merged = HOST(static_counter_merge)(a, HOST(borrow_counter)(b));  // start + 1 + 101
  HOST(borrow_counter_t) lent[2] = {HOST(borrow_counter)(merged), HOST(borrow_counter)(b)};
  HOST(list_borrow_counter_t) list = {lent, 2};
  seen += HOST(sum)(&list);  // start + 102, 101
  HOST(own_counter_t)* given = malloc(2 * sizeof(*given));
  given[0] = merged;
  given[1] = b;
  HOST(list_own_counter_t) owned = {given, 2};
  HOST(own_counter_t) first;
  if (!HOST(first)(&owned, &first)) return 0;
  free(given);
  seen += HOST(method_counter_next)(HOST(borrow_counter)(first));  // start + 102
  HOST(counter_drop_own)(first);
  HOST(list_own_counter_t) none = {NULL, 0};
  if (HOST(first)(&none, &first)) return 0;
  return seen;
}
uint32_t GUEST(lent)(GUEST(borrow_counter_t) c) {
  const uint32_t seen = HOST(method_counter_next)(c);
  HOST(counter_drop_borrow)(c);
  return seen;
}
GUEST(own_counter_t) GUEST(given)(GUEST(own_counter_t) c) {
  HOST(method_counter_next)(HOST(borrow_counter)(c));
  return c;
}

struct exports_test_every_guest_note_t {
  char* text;
  size_t length;
};
static uint32_t alive;

static GUEST(note_t) * make(const uint8_t* text, size_t length) {
  GUEST(note_t)* n = malloc(sizeof(*n));
  n->text = malloc(length + 1);
  memcpy(n->text, text, length);
  n->length = length;
  ++alive;
  return n;
}
static void add(GUEST(note_t) * n, const void* text, size_t length) {
  n->text = realloc(n->text, n->length + length + 1);
  memcpy(n->text + n->length, text, length);
  n->length += length;
}
GUEST(own_note_t) GUEST(constructor_note)(every_string_t* text) {
  GUEST(note_t)* n = make(text->ptr, text->len);
  every_string_free(text);
  return GUEST(note_new)(n);
}
uint32_t GUEST(method_note_append)(GUEST(borrow_note_t) self, every_string_t* more) {
  add(self, more->ptr, more->len);
  every_string_free(more);
  return (uint32_t)self->length;
}
void GUEST(method_note_text)(GUEST(borrow_note_t) self, every_string_t* ret) {
  every_string_dup_n(ret, self->text, self->length);
}
GUEST(own_note_t) GUEST(static_note_join)(GUEST(own_note_t) a, GUEST(borrow_note_t) b) {
  add(GUEST(note_rep)(a), b->text, b->length);
  return a;
}
void GUEST(note_destructor)(GUEST(note_t) * n) {
  free(n->text);
  free(n);
  --alive;
}
uint32_t GUEST(length)(GUEST(borrow_note_t) n) { return (uint32_t)n->length; }
void GUEST(notes)(uint32_t count, GUEST(list_own_note_t) * ret) {
  ret->ptr = malloc(count * sizeof(*ret->ptr) + 1);
  ret->len = count;
  for (uint32_t i = 0; i < count; ++i) {
    const uint8_t digit = (uint8_t)('0' + i % 10);
    ret->ptr[i] = GUEST(note_new)(make(&digit, 1));
  }
}
uint32_t GUEST(alive)(void) { return alive; }
void GUEST(boom)(void) { __builtin_trap(); }
