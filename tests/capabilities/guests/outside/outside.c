// outside: asks WASI for connections, addresses and requests, and hands back what it was told.
#include "outside.h"

#include <string.h>

static uint8_t http_answer(wasi_http_types_own_future_incoming_response_t future, uint16_t* status) {
  wasi_http_types_borrow_future_incoming_response_t it =
      wasi_http_types_borrow_future_incoming_response(future);
  wasi_io_poll_own_pollable_t ready = wasi_http_types_method_future_incoming_response_subscribe(it);
  wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(ready));
  wasi_io_poll_pollable_drop_own(ready);
  wasi_http_types_result_result_own_incoming_response_error_code_void_t got;
  if (!wasi_http_types_method_future_incoming_response_get(it, &got) || got.is_err) return 255;
  if (got.val.ok.is_err) return got.val.ok.val.err.tag;
  *status = wasi_http_types_method_incoming_response_status(
      wasi_http_types_borrow_incoming_response(got.val.ok.val.ok));
  return 0;
}

bool exports_outside_fetch(bool post, outside_string_t* authority, uint16_t* ret, uint8_t* err) {
  wasi_http_types_own_outgoing_request_t request =
      wasi_http_types_constructor_outgoing_request(wasi_http_types_constructor_fields());
  wasi_http_types_borrow_outgoing_request_t it = wasi_http_types_borrow_outgoing_request(request);
  wasi_http_types_method_t method = {.tag = post ? WASI_HTTP_TYPES_METHOD_POST : WASI_HTTP_TYPES_METHOD_GET};
  wasi_http_types_scheme_t scheme = {.tag = WASI_HTTP_TYPES_SCHEME_HTTP};
  outside_string_t path;
  outside_string_set(&path, "/hello");
  *err = 254;
  if (!wasi_http_types_method_outgoing_request_set_method(it, &method) ||
      !wasi_http_types_method_outgoing_request_set_scheme(it, &scheme) ||
      !wasi_http_types_method_outgoing_request_set_authority(it, authority) ||
      !wasi_http_types_method_outgoing_request_set_path_with_query(it, &path))
    return false;
  wasi_http_outgoing_handler_own_future_incoming_response_t future;
  wasi_http_outgoing_handler_error_code_t error;
  if (!wasi_http_outgoing_handler_handle(request, NULL, &future, &error)) {
    *err = error.tag;
    return false;
  }
  *ret = 0;
  *err = http_answer(future, ret);
  return *ret != 0;
}

static bool connect_to(uint8_t family, wasi_sockets_tcp_ip_socket_address_t* to, uint8_t* err) {
  wasi_sockets_instance_network_own_network_t network = wasi_sockets_instance_network_instance_network();
  wasi_sockets_tcp_own_tcp_socket_t socket;
  if (!wasi_sockets_tcp_create_socket_create_tcp_socket(family, &socket, err)) return false;
  wasi_sockets_tcp_borrow_tcp_socket_t it = wasi_sockets_tcp_borrow_tcp_socket(socket);
  if (!wasi_sockets_tcp_method_tcp_socket_start_connect(it, wasi_sockets_network_borrow_network(network), to,
                                                        err))
    return false;
  wasi_io_poll_own_pollable_t ready = wasi_sockets_tcp_method_tcp_socket_subscribe(it);
  wasi_io_poll_method_pollable_block(wasi_io_poll_borrow_pollable(ready));
  wasi_io_poll_pollable_drop_own(ready);
  wasi_sockets_tcp_tuple2_own_input_stream_own_output_stream_t streams;
  return wasi_sockets_tcp_method_tcp_socket_finish_connect(it, &streams, err);
}

bool exports_outside_dial(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port, uint8_t* err) {
  wasi_sockets_tcp_ip_socket_address_t to = {.tag = WASI_SOCKETS_NETWORK_IP_SOCKET_ADDRESS_IPV4};
  to.val.ipv4.port = port;
  to.val.ipv4.address.f0 = a;
  to.val.ipv4.address.f1 = b;
  to.val.ipv4.address.f2 = c;
  to.val.ipv4.address.f3 = d;
  return connect_to(WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4, &to, err);
}

bool exports_outside_dial_mapped(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port, uint8_t* err) {
  wasi_sockets_tcp_ip_socket_address_t to;
  memset(&to, 0, sizeof to);
  to.tag = WASI_SOCKETS_NETWORK_IP_SOCKET_ADDRESS_IPV6;
  to.val.ipv6.port = port;
  to.val.ipv6.address.f5 = 0xffff;
  to.val.ipv6.address.f6 = (uint16_t)(a << 8 | b);
  to.val.ipv6.address.f7 = (uint16_t)(c << 8 | d);
  return connect_to(WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV6, &to, err);
}

bool exports_outside_bind(uint16_t port, uint8_t* err) {
  wasi_sockets_instance_network_own_network_t network = wasi_sockets_instance_network_instance_network();
  wasi_sockets_tcp_own_tcp_socket_t socket;
  if (!wasi_sockets_tcp_create_socket_create_tcp_socket(WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4, &socket,
                                                        err))
    return false;
  wasi_sockets_tcp_ip_socket_address_t at = {.tag = WASI_SOCKETS_NETWORK_IP_SOCKET_ADDRESS_IPV4};
  at.val.ipv4.port = port;
  at.val.ipv4.address.f0 = 127;
  at.val.ipv4.address.f3 = 1;
  return wasi_sockets_tcp_method_tcp_socket_start_bind(
      wasi_sockets_tcp_borrow_tcp_socket(socket), wasi_sockets_network_borrow_network(network), &at, err);
}

bool exports_outside_lookup(outside_string_t* name, uint8_t* err) {
  wasi_sockets_instance_network_own_network_t network = wasi_sockets_instance_network_instance_network();
  wasi_sockets_ip_name_lookup_own_resolve_address_stream_t stream;
  return wasi_sockets_ip_name_lookup_resolve_addresses(wasi_sockets_network_borrow_network(network), name,
                                                       &stream, err);
}
