// The engine's C interface without an engine: every attempt fails with a clear error. For builds
// (thread sanitizer) in which the engine's uninstrumented code would hide or invent races.
#include <cstdlib>
#include <cstring>

#include "engine/include/berth_engine.h"

namespace {
constexpr char kNoEngine[] = "this build has no wasm engine (BERTH_ENGINE is OFF)";
berth_error_t* none() { return berth_error_new(BERTH_E_INTERNAL, kNoEngine, sizeof(kNoEngine) - 1); }
}  // namespace

extern "C" {

berth_error_t* berth_error_new(int32_t code, const char* message, size_t len) {
  auto* error = static_cast<berth_error_t*>(std::malloc(sizeof(berth_error_t) + len));
  if (error == nullptr) std::abort();
  char* text = reinterpret_cast<char*>(error + 1);
  if (len != 0) std::memcpy(text, message, len);
  *error = {code, 0, {text, len}, {nullptr, 0}};
  return error;
}
void berth_error_free(berth_error_t* error) { std::free(error); }
void berth_bytes_free(berth_bytes_t bytes) { std::free(bytes.data); }

berth_error_t* berth_engine_new(const berth_engine_config_t*, berth_engine_t**) { return none(); }
void berth_engine_free(berth_engine_t*) {}
void berth_engine_tick(const berth_engine_t*) {}
berth_kind_t berth_kind(const uint8_t*, size_t) { return BERTH_KIND_UNKNOWN; }
berth_error_t* berth_adapt_module(const uint8_t*, size_t, berth_bytes_t*) { return none(); }
berth_error_t* berth_parse_text(const char*, size_t, berth_bytes_t*) { return none(); }
berth_error_t* berth_component_compile(const berth_engine_t*, const uint8_t*, size_t, berth_component_t**) {
  return none();
}
void berth_component_free(berth_component_t*) {}
berth_error_t* berth_component_describe(const berth_component_t*, berth_bytes_t*) { return none(); }
berth_error_t* berth_read_shape(const uint8_t*, size_t, berth_bytes_t*) { return none(); }
berth_error_t* berth_engine_key(const berth_engine_t*, berth_bytes_t*) { return none(); }
berth_error_t* berth_compile(const berth_engine_t*, const uint8_t*, size_t, berth_bytes_t*) { return none(); }
berth_error_t* berth_component_load(const berth_engine_t*, int, berth_component_t**) { return none(); }
berth_error_t* berth_linker_new(const berth_engine_t*, berth_linker_t**) { return none(); }
void berth_linker_free(berth_linker_t*) {}
berth_error_t* berth_linker_wasi(berth_linker_t*, const char*, size_t) { return none(); }
berth_error_t* berth_linker_func(berth_linker_t*, berth_str_t, berth_str_t, berth_str_t,
                                 const berth_host_func_t*) {
  return none();
}
berth_error_t* berth_linker_resource(berth_linker_t*, berth_str_t, berth_str_t, void*,
                                     void (*)(void*, void*, uint32_t)) {
  return none();
}
berth_error_t* berth_pre_new(const berth_linker_t*, const berth_component_t*, berth_pre_t**) {
  return none();
}
void berth_pre_free(berth_pre_t*) {}
bool berth_pre_is_async(const berth_pre_t*) { return false; }
berth_error_t* berth_pre_export(berth_pre_t*, berth_str_t, berth_str_t, berth_str_t, uint32_t, uint32_t, bool,
                                const berth_export_t**) {
  return none();
}
berth_error_t* berth_instance_new(const berth_pre_t*, const berth_instance_config_t*, uint64_t,
                                  berth_instance_t**) {
  return none();
}
void berth_instance_free(berth_instance_t*) {}
uint64_t berth_instance_memory(const berth_instance_t*) { return 0; }
bool berth_instance_is_dead(const berth_instance_t*) { return true; }
berth_error_t* berth_call(berth_instance_t*, const berth_export_t*, berth_call_t*) { return none(); }
berth_error_t* berth_instance_start(const berth_pre_t*, const berth_instance_config_t*, uint64_t,
                                    berth_instance_t**, berth_wake_t, void*, berth_task_t**) {
  return none();
}
berth_error_t* berth_call_start(berth_instance_t*, const berth_export_t*, berth_call_t*, berth_wake_t, void*,
                                berth_task_t**) {
  return none();
}
berth_error_t* berth_invoke_start(berth_instance_t*, berth_str_t, uint64_t, berth_bytes_t*, berth_wake_t,
                                  void*, berth_task_t**) {
  return none();
}
bool berth_task_poll(berth_task_t*, berth_error_t**) { return true; }
void berth_task_free(berth_task_t*) {}
berth_error_t* berth_resource_drop(berth_instance_t*, uint32_t) { return none(); }
void berth_complete(berth_completion_t*, berth_error_t* error) {
  if (error != nullptr) berth_error_free(error);
}
uint8_t* berth_lower_memory(berth_lower_cx_t*, size_t* len) { return *len = 0, nullptr; }
berth_error_t* berth_lower_realloc(berth_lower_cx_t*, uint32_t, uint32_t, uint32_t*, uint8_t**) {
  return none();
}
berth_error_t* berth_lower_own(berth_lower_cx_t*, berth_str_t, uint32_t, uint32_t*) { return none(); }
berth_error_t* berth_lower_borrow(berth_lower_cx_t*, berth_str_t, uint32_t, uint32_t*) { return none(); }

}  // extern "C"
