// talk: one call for each thing that berth's own capabilities offer, and some that misuse them.
#include "talk.h"

#include <stdio.h>
#include <string.h>

static talk_string_t text(const char* s) {
  talk_string_t out;
  talk_string_set(&out, s);
  return out;
}

void exports_talk_say(talk_string_t* message, talk_string_t* key, talk_string_t* value) {
  talk_tuple2_string_string_t field = {*key, *value};
  talk_list_tuple2_string_string_t fields = {&field, 1};
  berth_logging_logging_log(BERTH_LOGGING_LOGGING_LEVEL_WARN, message, &fields);
  talk_string_t context = text("ctx");
  wasi_logging_logging_log(WASI_LOGGING_LOGGING_LEVEL_INFO, &context, message);
}

bool exports_talk_is_debug(void) { return berth_logging_logging_enabled(BERTH_LOGGING_LOGGING_LEVEL_DEBUG); }

void exports_talk_shout(uint32_t count) {
  talk_string_t message = text("x\r\n2026-01-01T00:00:00.000Z error forged\x1b[2J");
  talk_tuple2_string_string_t field = {text("workload"), text("other\n")};
  talk_list_tuple2_string_string_t fields = {&field, 1};
  for (uint32_t i = 0; i < count; ++i)
    berth_logging_logging_log(BERTH_LOGGING_LOGGING_LEVEL_CRITICAL, &message, &fields);
}

static bool failed(berth_metrics_metrics_error_t* from, talk_string_t* to) {
  *to = from->val.invalid;
  return false;
}

bool exports_talk_measure(talk_string_t* name, talk_string_t* label, talk_string_t* value,
                          talk_string_t* err) {
  berth_metrics_metrics_error_t error;
  talk_string_t description = text("From a guest.");
  talk_tuple2_string_string_t attribute = {*label, *value};
  berth_metrics_metrics_attributes_t attributes = {&attribute, label->len == 0 ? 0 : 1};
  berth_metrics_metrics_own_counter_t counter;
  if (!berth_metrics_metrics_static_counter_open(name, &description, &counter, &error))
    return failed(&error, err);
  if (!berth_metrics_metrics_method_counter_add(berth_metrics_metrics_borrow_counter(counter), 1, &attributes,
                                                &error))
    return failed(&error, err);
  berth_metrics_metrics_counter_drop_own(counter);

  berth_metrics_metrics_own_gauge_t gauge;
  talk_string_t level = text("level");
  if (!berth_metrics_metrics_static_gauge_open(&level, &description, &gauge, &error))
    return failed(&error, err);
  if (!berth_metrics_metrics_method_gauge_set(berth_metrics_metrics_borrow_gauge(gauge), 2, &attributes,
                                              &error))
    return failed(&error, err);

  berth_metrics_metrics_own_histogram_t histogram;
  talk_string_t size = text("size");
  double bounds[] = {1, 10};
  talk_list_f64_t buckets = {bounds, 2};
  if (!berth_metrics_metrics_static_histogram_open(&size, &description, &buckets, &histogram, &error))
    return failed(&error, err);
  if (!berth_metrics_metrics_method_histogram_observe(berth_metrics_metrics_borrow_histogram(histogram), 3,
                                                      &attributes, &error))
    return failed(&error, err);
  return true;
}

uint32_t exports_talk_label_flood(uint32_t count) {
  berth_metrics_metrics_error_t error;
  talk_string_t name = text("flood");
  talk_string_t description = text("");
  berth_metrics_metrics_own_counter_t counter;
  if (!berth_metrics_metrics_static_counter_open(&name, &description, &counter, &error)) return 0;
  uint32_t refused = 0;
  for (uint32_t i = 0; i < count; ++i) {
    char number[16];
    snprintf(number, sizeof number, "%u", (unsigned)i);
    talk_tuple2_string_string_t attribute = {text("id"), text(number)};
    berth_metrics_metrics_attributes_t attributes = {&attribute, 1};
    if (berth_metrics_metrics_method_counter_add(berth_metrics_metrics_borrow_counter(counter), 1,
                                                 &attributes, &error))
      continue;
    ++refused;
    berth_metrics_metrics_error_free(&error);
  }
  return refused;
}

uint32_t exports_talk_hoard(uint32_t count) {
  talk_string_t name = text("hoarded");
  talk_string_t description = text("");
  uint32_t refused = 0;
  for (uint32_t i = 0; i < count; ++i) {
    berth_metrics_metrics_error_t error;
    berth_metrics_metrics_own_counter_t counter;
    if (!berth_metrics_metrics_static_counter_open(&name, &description, &counter, &error)) ++refused;
  }
  return refused;
}

bool exports_talk_setting(talk_string_t* key, talk_string_t* ret) {
  talk_option_string_t value;
  wasi_config_store_error_t error;
  if (!wasi_config_store_get(key, &value, &error) || !value.is_some) return false;
  *ret = value.val;
  return true;
}

void exports_talk_settings(talk_list_tuple2_string_string_t* ret) {
  wasi_config_store_error_t error;
  if (!wasi_config_store_get_all(ret, &error)) ret->len = 0;
}
