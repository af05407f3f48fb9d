// WASI 0.2: preview-1 programs through the adapter, output, exit codes, and each decision hook.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "wasi_support.h"

namespace berth_test {
namespace {

constexpr std::string_view kErrorCode = R"((enum "unknown" "access-denied" "not-supported"
  "invalid-argument" "out-of-memory" "timeout" "concurrency-conflict" "not-in-progress"
  "would-block" "invalid-state" "new-socket-limit" "address-not-bindable" "address-in-use"
  "remote-unreachable" "connection-refused" "connection-reset" "connection-aborted"
  "datagram-too-large" "name-unresolvable" "temporary-resolver-failure"
  "permanent-resolver-failure"))";

TEST_F(WasiTest, preview1_program) {
  auto module = binary(R"((module
    (import "wasi_snapshot_preview1" "fd_write"
      (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 8) "hello from p1\n")
    (func $main (export "_start")
      (i32.store (i32.const 0) (i32.const 8))
      (i32.store (i32.const 4) (i32.const 14))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))
      (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 100)))
      (call $exit (i32.const 7)))))");
  berth_bytes_t bytes{};
  ASSERT_OK(berth_adapt_module(module.data(), module.size(), &bytes));
  berth_component_t* raw = nullptr;
  ASSERT_OK(berth_component_compile(engine_.get(), bytes.data, bytes.len, &raw));
  berth_bytes_free(bytes);
  Component component(raw);
  auto pre = link(linker_, component);
  EXPECT_TRUE(berth_pre_is_async(pre.get()));
  auto instance = start(pre, world_.config());
  auto outcome = invoke(instance, "run()");
  EXPECT_EQ(outcome.code, BERTH_E_EXIT) << outcome.message;
  // Preview 1's adapter only knows success and failure: exit_code.rs keeps the number.
  EXPECT_EQ(outcome.exit_code, 7);
  EXPECT_EQ(world_.out, "hello from p1\n");
  EXPECT_EQ(world_.err, "hello from p1\n");
}

TEST_F(WasiTest, exit_code) {
  auto component = compile(engine_, R"((component
    (import "wasi:cli/exit@0.2.12" (instance $e
      (export "exit-with-code" (func (param "status-code" u8)))))
    (core func $f (canon lower (func $e "exit-with-code")))
    (core module $m (import "e" "f" (func $f (param i32)))
      (func (export "run") (call $f (i32.const 7))))
    (core instance $i (instantiate $m (with "e" (instance (export "f" (func $f))))))
    (func (export "run") (canon lift (core func $i "run")))))");
  auto pre = link(linker_, component);
  EXPECT_FALSE(berth_pre_is_async(pre.get()));
  auto* run = find(pre, "", "run", "func()", 0, 0);
  auto instance = instantiate(pre);
  auto c = flat({});
  auto outcome = call(instance, run, c);
  EXPECT_EQ(outcome.code, BERTH_E_EXIT);
  EXPECT_EQ(outcome.exit_code, 7);
}

TEST_F(WasiTest, adapting_garbage_is_an_error) {
  berth_bytes_t bytes{};
  auto module = binary("(module (import \"x\" \"y\" (func)) (func (export \"_start\")))");
  EXPECT_EQ(take(berth_adapt_module(module.data(), module.size(), &bytes)).code, BERTH_E_INVALID);
  for (size_t len = 0; len < module.size(); len++) {
    bytes = {};
    auto outcome = take(berth_adapt_module(module.data(), len, &bytes));
    EXPECT_TRUE(outcome.code == 0 || outcome.code == BERTH_E_INVALID) << len << outcome.message;
    berth_bytes_free(bytes);
  }
}

TEST_F(WasiTest, missing_group_is_named) {
  auto linker = make_linker(engine_);
  constexpr std::string_view kGroup = "cli";
  EXPECT_OK(berth_linker_wasi(linker.get(), kGroup.data(), kGroup.size()));
  auto component = compile(engine_, R"((component (import "wasi:random/random@0.2.0"
      (instance (export "get-random-u64" (func (result u64)))))))");
  auto outcome = link_error(linker, component);
  EXPECT_EQ(outcome.code, BERTH_E_LINK);
  EXPECT_CONTAINS(outcome.message, "wasi:random/random@0.2.0");
  EXPECT_EQ(take(berth_linker_wasi(linker.get(), "nope", 4)).code, BERTH_E_INVALID);
}

// An interface that never suspends does not force the fibre path.
TEST_F(WasiTest, random_is_inline) {
  auto component = compile(engine_, R"((component
    (import "wasi:random/random@0.2.0" (instance $r
      (export "get-random-u64" (func (result u64)))))
    (core func $f (canon lower (func $r "get-random-u64")))
    (core module $m (import "r" "f" (func $f (result i64)))
      (func (export "run") (result i64) (call $f)))
    (core instance $i (instantiate $m (with "r" (instance (export "f" (func $f))))))
    (func (export "run") (result u64) (canon lift (core func $i "run")))))");
  auto pre = link(linker_, component);
  EXPECT_FALSE(berth_pre_is_async(pre.get()));
  auto* run = find(pre, "", "run", "func() -> u64", 0, 1);
  auto instance = instantiate(pre);
  auto c = flat({});
  EXPECT_EQ(call(instance, run, c).code, 0);
  EXPECT_NE(c.result.lo, 0u);
}

// connect(port) -> result code * 256 + error code, where 1 = access-denied; lookup() likewise.
const std::string kSockets = replaced(replaced(R"((component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))))
  (alias export $poll "pollable" (type $p_))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "input-stream" (type (sub resource)))
    (export "output-stream" (type (sub resource)))))
  (alias export $streams "input-stream" (type $in_))
  (alias export $streams "output-stream" (type $out_))
  (import "wasi:sockets/network@0.2.0" (instance $network
    (export "network" (type (sub resource)))
    (type $error ERROR)
    (export "error-code" (type (eq $error)))
    (type $family (enum "ipv4" "ipv6"))
    (export "ip-address-family" (type (eq $family)))
    (type $v4 (record (field "port" u16) (field "address" (tuple u8 u8 u8 u8))))
    (export "ipv4-socket-address" (type $v4x (eq $v4)))
    (type $v6 (record (field "port" u16) (field "flow-info" u32)
      (field "address" (tuple u16 u16 u16 u16 u16 u16 u16 u16)) (field "scope-id" u32)))
    (export "ipv6-socket-address" (type $v6x (eq $v6)))
    (type $addr (variant (case "ipv4" $v4x) (case "ipv6" $v6x)))
    (export "ip-socket-address" (type (eq $addr)))))
  (alias export $network "network" (type $n_))
  (alias export $network "error-code" (type $error_))
  (alias export $network "ip-address-family" (type $family_))
  (alias export $network "ip-socket-address" (type $addr_))
  (import "wasi:sockets/instance-network@0.2.0" (instance $default
    (export "network" (type $n (eq $n_)))
    (export "instance-network" (func (result (own $n))))))
  (import "wasi:sockets/tcp@0.2.0" (instance $tcp
    (export "network" (type $n (eq $n_)))
    (export "error-code" (type $e (eq $error_)))
    (export "ip-socket-address" (type $a (eq $addr_)))
    (export "tcp-socket" (type $s (sub resource)))
    (export "[method]tcp-socket.start-connect" (func (param "self" (borrow $s))
      (param "network" (borrow $n)) (param "remote-address" $a) (result (result (error $e)))))
    (export "pollable" (type $p (eq $p_)))
    (export "input-stream" (type $in (eq $in_)))
    (export "output-stream" (type $out (eq $out_)))
    (export "[method]tcp-socket.subscribe" (func (param "self" (borrow $s)) (result (own $p))))
    (export "[method]tcp-socket.finish-connect" (func (param "self" (borrow $s))
      (result (result (tuple (own $in) (own $out)) (error $e)))))))
  (alias export $tcp "tcp-socket" (type $s_))
  (import "wasi:sockets/tcp-create-socket@0.2.0" (instance $create
    (export "ip-address-family" (type $f (eq $family_)))
    (export "error-code" (type $e (eq $error_)))
    (export "tcp-socket" (type $s (eq $s_)))
    (export "create-tcp-socket" (func (param "address-family" $f)
      (result (result (own $s) (error $e)))))))
  (import "wasi:sockets/ip-name-lookup@0.2.0" (instance $lookup
    (export "network" (type $n (eq $n_)))
    (export "error-code" (type $e (eq $error_)))
    (export "resolve-address-stream" (type $r (sub resource)))
    (export "resolve-addresses" (func (param "network" (borrow $n)) (param "name" string)
      (result (result (own $r) (error $e)))))))
  (core module $alloc ALLOC)
  (core instance $a (instantiate $alloc))
  (core func $net (canon lower (func $default "instance-network")))
  (core func $create (canon lower (func $create "create-tcp-socket")
    (memory (core memory $a "memory"))))
  (core func $connect (canon lower (func $tcp "[method]tcp-socket.start-connect")
    (memory (core memory $a "memory"))))
  (core func $finish (canon lower (func $tcp "[method]tcp-socket.finish-connect")
    (memory (core memory $a "memory"))))
  (core func $subscribe (canon lower (func $tcp "[method]tcp-socket.subscribe")))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $resolve (canon lower (func $lookup "resolve-addresses")
    (memory (core memory $a "memory"))))
  (core module $m
    (import "h" "net" (func $net (result i32)))
    (import "h" "create" (func $create (param i32 i32)))
    (import "h" "connect" (func $connect (param i32 i32 i32 i32 i32 i32 i32 i32
      i32 i32 i32 i32 i32 i32 i32)))
    (import "h" "finish" (func $finish (param i32 i32)))
    (import "h" "subscribe" (func $subscribe (param i32) (result i32)))
    (import "h" "block" (func $block (param i32)))
    (import "h" "resolve" (func $resolve (param i32 i32 i32 i32)))
    (import "a" "memory" (memory 1))
    (data (i32.const 32) "example.com")
    (func (export "connect") (param $port i32) (result i32)
      (call $create (i32.const 0) (i32.const 0))
      (call $connect (i32.load (i32.const 4)) (call $net) (i32.const 0) (local.get $port)
        (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 16))
      (if (i32.load8_u (i32.const 16)) (then (return (i32.const -1))))
      (call $block (call $subscribe (i32.load (i32.const 4))))
      (call $finish (i32.load (i32.const 4)) (i32.const 16))
      (if (i32.eqz (i32.load8_u (i32.const 16))) (then (return (i32.const 0))))
      (i32.add (i32.const 256) (i32.load8_u (i32.const 20))))
    (func (export "lookup") (result i32)
      (call $resolve (call $net) (i32.const 32) (i32.const 11) (i32.const 16))
      (i32.add (i32.mul (i32.load8_u (i32.const 16)) (i32.const 256))
        (i32.load8_u (i32.const 20)))))
  (core instance $i (instantiate $m (with "a" (instance $a)) (with "h" (instance
    (export "net" (func $net)) (export "create" (func $create))
    (export "connect" (func $connect)) (export "resolve" (func $resolve))
    (export "finish" (func $finish)) (export "subscribe" (func $subscribe))
    (export "block" (func $block))))))
  (func (export "connect") (param "port" u16) (result u32) (canon lift (core func $i "connect")))
  (func (export "lookup") (result u32) (canon lift (core func $i "lookup")))))",
                                               "ERROR", kErrorCode),
                                      "ALLOC", kAllocator);

TEST_F(WasiTest, denied_connect_and_lookup) {
  auto component = compile(engine_, kSockets);
  auto pre = link(linker_, component);
  EXPECT_TRUE(berth_pre_is_async(pre.get()));
  auto instance = start(pre, world_.config());
  std::string result;
  auto outcome = invoke(instance, "lookup()", &result);
  EXPECT_EQ(outcome.code, 0) << outcome.message;
  EXPECT_EQ(result, "257");
  outcome = invoke(instance, "connect(9)", &result);
  EXPECT_EQ(outcome.code, 0) << outcome.message;
  EXPECT_EQ(world_.asked, (std::vector<std::string>{"resolve example.com", "connect 1 127.0.0.1 9"}));
  EXPECT_EQ(result, "257");
}

TEST_F(WasiTest, invoke_reports_what_is_wrong) {
  auto component = compile(engine_, kSockets);
  auto pre = link(linker_, component);
  auto instance = start(pre, world_.config());
  EXPECT_CONTAINS(invoke(instance, "conect(9)").message, "connect");
  EXPECT_EQ(invoke(instance, "connect(70000)").code, BERTH_E_INVALID);
  EXPECT_EQ(invoke(instance, "connect(").code, BERTH_E_INVALID);
  EXPECT_EQ(invoke(instance, "t:x/y#connect(9)").code, BERTH_E_INVALID);
  EXPECT_FALSE(berth_instance_is_dead(instance.get()));
}

TEST_F(WasiTest, missing_directory_is_an_error) {
  auto component = compile(engine_, kSockets);
  auto pre = link(linker_, component);
  auto wasi = world_.config();
  berth_preopen_t preopen{str("/nonexistent/berth"), str("/data"), false};
  wasi.preopens = &preopen;
  wasi.preopens_len = 1;
  berth_instance_config_t config{};
  config.wasi = &wasi;
  berth_instance_t* instance = nullptr;
  berth_task_t* task = nullptr;
  auto outcome = take(berth_instance_start(pre.get(), &config, 0, &instance, Waker::wake, &waker_, &task));
  EXPECT_EQ(outcome.code, BERTH_E_INVALID);
  EXPECT_CONTAINS(outcome.message, "/nonexistent/berth");
}

// ---- wasi:http -------------------------------------------------------------------------------

// get(authority, https) -> status, or 1000 + the case of the error code.
const std::string kHttp = replaced(R"((component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))))
  (alias export $poll "pollable" (type $pollable_))
  (import "wasi:http/types@0.2.0" (instance $http
    (export "pollable" (type $p (eq $pollable_)))
    (export "fields" (type $fields (sub resource)))
    (export "outgoing-request" (type $request (sub resource)))
    (export "incoming-response" (type $response (sub resource)))
    (export "future-incoming-response" (type $future (sub resource)))
    (export "request-options" (type $options (sub resource)))
    (type $scheme' (variant (case "HTTP") (case "HTTPS") (case "other" string)))
    (export "scheme" (type $scheme (eq $scheme')))
    (type $dns' (record (field "rcode" (option string)) (field "info-code" (option u16))))
    (export "DNS-error-payload" (type $dns (eq $dns')))
    (type $tls' (record (field "alert-id" (option u8)) (field "alert-message" (option string))))
    (export "TLS-alert-received-payload" (type $tls (eq $tls')))
    (type $size' (record (field "field-name" (option string)) (field "field-size" (option u32))))
    (export "field-size-payload" (type $size (eq $size')))
    (type $error' (variant (case "DNS-timeout") (case "DNS-error" $dns)
      (case "destination-not-found") (case "destination-unavailable")
      (case "destination-IP-prohibited") (case "destination-IP-unroutable")
      (case "connection-refused") (case "connection-terminated") (case "connection-timeout")
      (case "connection-read-timeout") (case "connection-write-timeout")
      (case "connection-limit-reached") (case "TLS-protocol-error") (case "TLS-certificate-error")
      (case "TLS-alert-received" $tls) (case "HTTP-request-denied")
      (case "HTTP-request-length-required") (case "HTTP-request-body-size" (option u64))
      (case "HTTP-request-method-invalid") (case "HTTP-request-URI-invalid")
      (case "HTTP-request-URI-too-long") (case "HTTP-request-header-section-size" (option u32))
      (case "HTTP-request-header-size" (option $size))
      (case "HTTP-request-trailer-section-size" (option u32))
      (case "HTTP-request-trailer-size" $size) (case "HTTP-response-incomplete")
      (case "HTTP-response-header-section-size" (option u32))
      (case "HTTP-response-header-size" $size) (case "HTTP-response-body-size" (option u64))
      (case "HTTP-response-trailer-section-size" (option u32))
      (case "HTTP-response-trailer-size" $size)
      (case "HTTP-response-transfer-coding" (option string))
      (case "HTTP-response-content-coding" (option string)) (case "HTTP-response-timeout")
      (case "HTTP-upgrade-failed") (case "HTTP-protocol-error") (case "loop-detected")
      (case "configuration-error") (case "internal-error" (option string))))
    (export "error-code" (type $error (eq $error')))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[constructor]outgoing-request" (func (param "headers" (own $fields))
      (result (own $request))))
    (export "[method]outgoing-request.set-authority" (func (param "self" (borrow $request))
      (param "authority" (option string)) (result (result))))
    (export "[method]outgoing-request.set-path-with-query" (func (param "self" (borrow $request))
      (param "path-with-query" (option string)) (result (result))))
    (export "[method]outgoing-request.set-scheme" (func (param "self" (borrow $request))
      (param "scheme" (option $scheme)) (result (result))))
    (export "[method]future-incoming-response.subscribe" (func (param "self" (borrow $future))
      (result (own $p))))
    (export "[method]future-incoming-response.get" (func (param "self" (borrow $future))
      (result (option (result (result (own $response) (error $error)))))))
    (export "[method]incoming-response.status" (func (param "self" (borrow $response))
      (result u16)))))
  (alias export $http "outgoing-request" (type $request_))
  (alias export $http "request-options" (type $options_))
  (alias export $http "future-incoming-response" (type $future_))
  (alias export $http "error-code" (type $error_))
  (import "wasi:http/outgoing-handler@0.2.0" (instance $handler
    (export "outgoing-request" (type $r (eq $request_)))
    (export "request-options" (type $o (eq $options_)))
    (export "future-incoming-response" (type $f (eq $future_)))
    (export "error-code" (type $e (eq $error_)))
    (export "handle" (func (param "request" (own $r)) (param "options" (option (own $o)))
      (result (result (own $f) (error $e)))))))
  (core module $alloc ALLOC)
  (core instance $a (instantiate $alloc))
  (core func $fields (canon lower (func $http "[constructor]fields")))
  (core func $request (canon lower (func $http "[constructor]outgoing-request")))
  (core func $authority (canon lower (func $http "[method]outgoing-request.set-authority")
    (memory (core memory $a "memory"))))
  (core func $path (canon lower (func $http "[method]outgoing-request.set-path-with-query")
    (memory (core memory $a "memory"))))
  (core func $scheme (canon lower (func $http "[method]outgoing-request.set-scheme")
    (memory (core memory $a "memory"))))
  (core func $subscribe (canon lower (func $http "[method]future-incoming-response.subscribe")))
  (core func $get (canon lower (func $http "[method]future-incoming-response.get")
    (memory (core memory $a "memory")) (realloc (core func $a "realloc"))))
  (core func $status (canon lower (func $http "[method]incoming-response.status")))
  (core func $handle (canon lower (func $handler "handle")
    (memory (core memory $a "memory")) (realloc (core func $a "realloc"))))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core module $m
    (import "h" "fields" (func $fields (result i32)))
    (import "h" "request" (func $request (param i32) (result i32)))
    (import "h" "authority" (func $authority (param i32 i32 i32 i32) (result i32)))
    (import "h" "path" (func $path (param i32 i32 i32 i32) (result i32)))
    (import "h" "scheme" (func $scheme (param i32 i32 i32 i32 i32) (result i32)))
    (import "h" "subscribe" (func $subscribe (param i32) (result i32)))
    (import "h" "get" (func $get (param i32 i32)))
    (import "h" "status" (func $status (param i32) (result i32)))
    (import "h" "handle" (func $handle (param i32 i32 i32 i32)))
    (import "h" "block" (func $block (param i32)))
    (import "a" "memory" (memory 1))
    (data (i32.const 64) "/a?b")
    (func (export "get") (param $at i32) (param $len i32) (param $https i32) (result i32)
      (local $r i32) (local $f i32)
      (local.set $r (call $request (call $fields)))
      (drop (call $authority (local.get $r) (i32.const 1) (local.get $at) (local.get $len)))
      (drop (call $path (local.get $r) (i32.const 1) (i32.const 64) (i32.const 4)))
      (drop (call $scheme (local.get $r) (i32.const 1) (local.get $https)
        (i32.const 0) (i32.const 0)))
      (call $handle (local.get $r) (i32.const 0) (i32.const 0) (i32.const 0))
      ;; result: discriminant at 0, payload at 8
      (if (i32.load8_u (i32.const 0)) (then
        (return (i32.add (i32.const 1000) (i32.load8_u (i32.const 8))))))
      (local.set $f (i32.load (i32.const 8)))
      (call $block (call $subscribe (local.get $f)))
      ;; option at 0, result at 8, result at 16, payload at 24
      (call $get (local.get $f) (i32.const 0))
      (if (i32.load8_u (i32.const 16)) (then
        (return (i32.add (i32.const 1000) (i32.load8_u (i32.const 24))))))
      (call $status (i32.load (i32.const 24)))))
  (core instance $i (instantiate $m (with "a" (instance $a)) (with "h" (instance
    (export "fields" (func $fields)) (export "request" (func $request))
    (export "authority" (func $authority)) (export "path" (func $path)) (export "scheme" (func $scheme))
    (export "subscribe" (func $subscribe)) (export "get" (func $get))
    (export "status" (func $status)) (export "handle" (func $handle))
    (export "block" (func $block))))))
  (func (export "get") (param "authority" string) (param "https" bool) (result u32)
    (canon lift (core func $i "get") (memory (core memory $a "memory"))
      (realloc (core func $a "realloc"))))))",
                                   "ALLOC", kAllocator);

constexpr std::string_view kIpProhibited = "1004", kRefused = "1006", kDenied = "1015", kUriInvalid = "1019";

// Answers one request on a port of its own with `answer`.
class Server {
 public:
  explicit Server(std::string answer) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in addr{};
    addr.sin_family = AF_INET;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_, reinterpret_cast<sockaddr*>(&addr), sizeof addr);
    listen(listener_, 4);
    socklen_t len = sizeof addr;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&addr), &len);
    port_ = ntohs(addr.sin_port);
    thread_ = std::thread([this, answer] {
      int client = accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      char buffer[4096];
      // A request this small, or a TLS hello, comes in one piece.
      ssize_t got = read(client, buffer, sizeof buffer);
      if (got > 0) request.assign(buffer, size_t(got));
      (void)!write(client, answer.data(), answer.size());
      close(client);
    });
  }
  ~Server() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  std::string authority(std::string_view host = "127.0.0.1") const {
    return std::string(host) + ":" + std::to_string(port_);
  }
  std::string request;

 private:
  int listener_;
  uint16_t port_;
  std::thread thread_;
};

class HttpTest : public WasiTest {
 protected:
  std::string get(const std::string& authority, bool https = false) {
    auto instance = start(pre_, world_.config());
    std::string result;
    auto outcome =
        invoke(instance, "get(\"" + authority + "\", " + (https ? "true" : "false") + ")", &result);
    EXPECT_EQ(outcome.code, 0) << outcome.message << outcome.trace;
    return result;
  }
  Component component_ = compile(engine_, kHttp);
  Pre pre_ = link(linker_, component_);
};

TEST_F(HttpTest, denied_request) {
  EXPECT_EQ(get("127.0.0.1:9"), kDenied);
  EXPECT_EQ(world_.asked, std::vector<std::string>{"http GET http://127.0.0.1:9/a?b"});
}

TEST_F(HttpTest, denied_address) {
  world_.allow_http = true;
  EXPECT_EQ(get("127.0.0.1:9"), kIpProhibited);
  EXPECT_EQ(world_.asked.back(), "connect 5 127.0.0.1 9");
  // The decision is about the address behind the name, and about each of them.
  EXPECT_EQ(get("localhost:9"), kIpProhibited);
  EXPECT_EQ(world_.asked.back().substr(0, 10), "connect 5 ");
  // A v4 address in v6 clothes is shown as what it is.
  EXPECT_EQ(get("[::ffff:127.0.0.1]:9"), kIpProhibited);
  EXPECT_EQ(world_.asked.back(), "connect 5 127.0.0.1 9");
}

TEST_F(HttpTest, userinfo_is_refused) {
  world_.allow_http = world_.allow_connect = true;
  EXPECT_EQ(get("good.example@127.0.0.1:9"), kUriInvalid);
  EXPECT_TRUE(world_.asked.empty());
}

TEST_F(HttpTest, refused_connection) {
  world_.allow_http = world_.allow_connect = true;
  EXPECT_EQ(get("127.0.0.1:1"), kRefused);
}

TEST_F(HttpTest, allowed_request) {
  world_.allow_http = world_.allow_connect = true;
  Server server("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(get(server.authority()), "204");
  EXPECT_CONTAINS(server.request, "GET /a?b HTTP/1.1\r\n");
  EXPECT_CONTAINS(server.request, "host: " + server.authority());
}

TEST_F(HttpTest, redirect_is_not_followed) {
  world_.allow_http = world_.allow_connect = true;
  Server server("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(get(server.authority()), "302");
}

TEST_F(HttpTest, header_bomb_is_an_error) {
  world_.allow_http = world_.allow_connect = true;
  Server server("HTTP/1.1 200 OK\r\nX: " + std::string(1 << 20, 'a') + "\r\n\r\n");
  EXPECT_EQ(get(server.authority()).substr(0, 2), "10");
}

TEST_F(HttpTest, no_tls_on_the_other_side) {
  world_.allow_http = world_.allow_connect = true;
  Server server("HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(get(server.authority(), true).substr(0, 2), "10");
}

}  // namespace
}  // namespace berth_test
