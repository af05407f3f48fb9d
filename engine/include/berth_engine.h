/* The engine boundary: everything C++ may ask of wasmtime, and nothing that names it.
 *
 * Conventions
 *  - A function that can fail returns berth_error_t*: NULL is success, otherwise the caller owns the
 *    error and frees it with berth_error_free.
 *  - No panic and no C++ exception crosses this header. A Rust panic becomes BERTH_E_INTERNAL; a C++
 *    callback must catch what it throws and return a berth_error_t* made by berth_error_new.
 *  - Strings are (pointer, length), UTF-8, not NUL-terminated. They are borrowed for the call.
 *  - berth_val_t is one flattened core value of the canonical ABI (component model, "Flattening"):
 *    i32 and f32 (as its bits) in the low 4 bytes of lo, whose upper bits may hold anything and are
 *    ignored in both directions; i64 and f64 in lo. hi is unused.
 *  - "Interface" is "ns:pkg/name@version", or "" for a function at the root of a world.
 *
 * Threads: engine, component and pre are immutable and may be used from any thread. An instance and
 * everything reached through it is used by one thread at a time. berth_complete and a wake callback
 * may come from any thread.
 */
#ifndef BERTH_ENGINE_H
#define BERTH_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct berth_engine berth_engine_t;
typedef struct berth_component berth_component_t;
typedef struct berth_linker berth_linker_t;
typedef struct berth_pre berth_pre_t;
typedef struct berth_export berth_export_t;
typedef struct berth_instance berth_instance_t;
typedef struct berth_task berth_task_t;
typedef struct berth_completion berth_completion_t;
typedef struct berth_lower_cx berth_lower_cx_t;

typedef struct {
  uint64_t lo, hi;
} berth_val_t;
typedef struct {
  const char* data;
  size_t len;
} berth_str_t;
typedef struct {
  uint8_t* data;
  size_t len;
} berth_bytes_t; /* owned; free with berth_bytes_free */

void berth_bytes_free(berth_bytes_t bytes);

/* ---- errors ------------------------------------------------------------------------------- */

typedef enum {
  BERTH_E_INVALID = 1,    /* not a component, malformed, over a size limit, unknown export, bad argument */
  BERTH_E_LINK = 2,       /* an import is missing or a type differs; the message shows both types */
  BERTH_E_TRAP = 3,       /* the guest trapped or broke the canonical ABI: a bug of the guest */
  BERTH_E_LIMIT_TIME = 4, /* the call's deadline passed */
  BERTH_E_LIMIT_MEMORY =
      5, /* the guest trapped in a call in which a memory, table or instance limit denied a growth */
  BERTH_E_LIMIT_STACK = 6, /* the guest's stack is exhausted */
  BERTH_E_EXIT = 7,        /* the guest called wasi:cli/exit; see exit_code */
  BERTH_E_HOST = 8,        /* a host function failed (not a denial: that is a value to the guest) */
  BERTH_E_CANCELLED = 9,   /* the task was cancelled */
  BERTH_E_RESOURCES = 10,  /* the engine has no free instance, memory or stack (pool exhausted) */
  BERTH_E_INTERNAL = 11,   /* a panic or a broken invariant on our side */
  BERTH_E_UNSUPPORTED =
      12, /* a valid component, but this engine's compiler (Winch) lacks something it uses */
} berth_code_t;

typedef struct berth_error {
  int32_t code;        /* berth_code_t */
  int32_t exit_code;   /* with BERTH_E_EXIT */
  berth_str_t message; /* for a person, one line */
  berth_str_t trace;   /* the guest's stack, innermost first, one frame a line; may be empty */
} berth_error_t;

berth_error_t* berth_error_new(int32_t code, const char* message, size_t len);
void berth_error_free(berth_error_t* error);

/* ---- engine ------------------------------------------------------------------------------- */

typedef struct {
  bool winch;                    /* baseline compiler in place of Cranelift */
  bool pooling;                  /* pooling allocator; otherwise on demand */
  bool compile_only;             /* compiles for such an engine and reserves nothing; makes no instance */
  uint32_t max_instances;        /* pool size: component instances alive at once */
  uint64_t max_memory_bytes;     /* pool slot: hard maximum of one linear memory */
  uint32_t max_table_elements;   /* pool slot: hard maximum of one table */
  uint32_t max_wasm_stack_bytes; /* stack a guest may use (128 KiB measured good) */
  uint32_t async_stack_bytes;    /* whole fibre stack (256 KiB measured good) */
} berth_engine_config_t;

berth_error_t* berth_engine_new(const berth_engine_config_t* config, berth_engine_t** out);
void berth_engine_free(berth_engine_t* engine);
/* Advances the epoch by one tick. Cheap, async-signal-safe, any thread. Deadlines count these ticks. */
void berth_engine_tick(const berth_engine_t* engine);

/* ---- components --------------------------------------------------------------------------- */

typedef enum { BERTH_KIND_UNKNOWN = 0, BERTH_KIND_COMPONENT = 1, BERTH_KIND_MODULE = 2 } berth_kind_t;
/* Looks at the first 8 bytes only (Binary.md, preamble). */
berth_kind_t berth_kind(const uint8_t* bytes, size_t len);

/* Wraps a preview-1 core module in a component with the preview-1 adapter (command if it exports
 * `_start`, else reactor). *out is a component binary. */
berth_error_t* berth_adapt_module(const uint8_t* bytes, size_t len, berth_bytes_t* out);
/* Component binary from component text (.wat). For tests and `berth run`. */
berth_error_t* berth_parse_text(const char* text, size_t len, berth_bytes_t* out);

/* Validates and compiles. Blocks for the compile time. A core module is BERTH_E_INVALID; what Winch
 * cannot compile is BERTH_E_UNSUPPORTED. */
berth_error_t* berth_component_compile(const berth_engine_t* engine, const uint8_t* bytes, size_t len,
                                       berth_component_t** out);
void berth_component_free(berth_component_t* component);

/* ---- compiled code outside an engine -------------------------------------------------------- */

/* Names what this engine's code is made by and for: compiler, versions and settings. Code compiled for
 * one engine can be loaded by another exactly when their keys are equal; Winch's and Cranelift's never
 * are. Letters, digits, '-' and '.': fit for a file name. */
berth_error_t* berth_engine_key(const berth_engine_t* engine, berth_bytes_t* out);

/* Like berth_component_compile, but gives the code as bytes for berth_component_load. Allocates by the
 * size of the component, without a limit of its own: untrusted components belong into a process that
 * may die. */
berth_error_t* berth_compile(const berth_engine_t* engine, const uint8_t* bytes, size_t len,
                             berth_bytes_t* out);

/* Maps the file behind `fd` (which it does not keep): what berth_compile gave for an engine of this key;
 * bytes after it do no harm. Only the outer form is checked here. Other contents are executed as they are:
 * the caller knows that the file is of our own making, whole, and that nobody writes to it as long as the
 * component lives. BERTH_E_INVALID: no such code, or for other settings. */
berth_error_t* berth_component_load(const berth_engine_t* engine, int fd, berth_component_t** out);

/* JSON: {"imports":[item...],"exports":[item...]} where item is one of
 *   {"name":"ns:pkg/iface@1.0.0","kind":"interface","items":[item...]}
 *   {"name":"f","kind":"func","type":"func(a: u32) -> string"}   (structural text, see berth_linker_func)
 *   {"name":"r","kind":"resource"}   {"name":"t","kind":"type"}   {"name":"x","kind":"component"|"module"}
 * in the order of the binary. BERTH_E_INVALID: over 16 MiB. */
berth_error_t* berth_component_describe(const berth_component_t* component, berth_bytes_t* out);
/* The same of a component binary, validated but not compiled; every "type" is empty. What it accepts
 * can still fail to compile (a limit of the engine), never the other way round. */
berth_error_t* berth_read_shape(const uint8_t* bytes, size_t len, berth_bytes_t* out);

/* ---- linking ------------------------------------------------------------------------------ */

/* Structural text of a type: named types are expanded, so two texts are equal exactly when the
 * canonical ABI and the meaning are:
 *   bool s8 u8 s16 u16 s32 u32 s64 u64 f32 f64 char string
 *   list<T>  option<T>  result  result<T>  result<_, E>  result<T, E>  tuple<A, B>
 *   record{a: T, b: U}  variant{a, b(T)}  enum{a, b}  flags{a, b}
 *   own<IFACE#name>  borrow<IFACE#name>    IFACE = defining interface without its version ("" at the root)
 *   func(p: T, q: U) -> R      (no " -> R" without a result)
 * A method is [method]res.name with `self: borrow<...>` first, as in the binary. */

/* Arguments of one call from the guest, valid until the callback returns. While it runs the guest's
 * memory does not move. Nothing in it has been checked beyond "spilled record is in bounds". */
typedef struct berth_host_call {
  const berth_val_t* args; /* flat_params values, when flat_params <= 16 */
  uint32_t spilled;        /* address of the parameter record, when flat_params > 16 */
  const uint8_t* memory;   /* NULL when the function uses no memory */
  size_t memory_len;
  /* Handles in the parameters, already lifted, in the order in which the values are read (depth
   * first; record fields, cases and list elements in order). Host resources: their rep. */
  const uint32_t* handles;
  size_t handle_count;
  berth_val_t result; /* out: the flat result where desc.lower is NULL */
  void* op;           /* out: the callee's own state for lower/cancel/drop; NULL is allowed */
} berth_host_call_t;

/* How C++ implements one imported function. The struct is copied; env must outlive the pre. */
typedef struct {
  void* env;
  uint32_t flat_params;  /* flattened count; > 16 means spilled to memory */
  uint32_t flat_results; /* 0, 1, or 2 = through a return pointer */
  bool param_handles;    /* some parameter contains own or borrow */
  bool async_;           /* call only starts the operation; the guest's fibre waits for berth_complete */
  /* `user` is the instance's. An error ends the call with that error (a trap for the guest); an
   * async_ function that returns one has not started, and its completion must not be used. On the
   * fibre paths this and `lower` run on the fibre's stack, and no inline call may be made in them. */
  berth_error_t* (*call)(void* env, void* user, berth_host_call_t* call, berth_completion_t* completion);
  /* Stores the result: into *flat when flat_results is 1, or at guest address `addr` (bounds of the
   * result record checked by the engine) when 2. NULL when call fills call->result or there is none. */
  berth_error_t* (*lower)(void* env, void* user, void* op, berth_lower_cx_t* cx, berth_val_t* flat,
                          uint32_t addr);
  /* The call is over (finished, failed or cancelled): release op. Exactly once for each non-NULL op.
   * For an async operation still running this is the cancellation; berth_complete must still be
   * called exactly once afterwards (it then does nothing but release the completion). May be NULL. */
  void (*drop)(void* env, void* user, void* op);
} berth_host_func_t;

/* Ends an async host call. Any thread, exactly once, also synchronously from inside `call`.
 * `error` may be NULL; ownership passes to the engine. */
void berth_complete(berth_completion_t* completion, berth_error_t* error);

/* A linker holds what one component may import. One thread at a time. */
berth_error_t* berth_linker_new(const berth_engine_t* engine, berth_linker_t** out);
void berth_linker_free(berth_linker_t* linker);
/* Adds the WASI 0.2 interfaces of one group: "cli" (environment, exit, stdin/out/err, terminal),
 * "io", "clocks", "random", "filesystem", "sockets", "http". "io" comes with any of the others. */
berth_error_t* berth_linker_wasi(berth_linker_t* linker, const char* group, size_t len);
/* `type` is the structural text the binding was generated from; berth_pre_new compares it with the
 * component's own. An interface matches a semver-compatible version. */
berth_error_t* berth_linker_func(berth_linker_t* linker, berth_str_t interface, berth_str_t name,
                                 berth_str_t type, const berth_host_func_t* func);
/* A host resource. `drop` is called when the guest drops its last own handle. */
berth_error_t* berth_linker_resource(berth_linker_t* linker, berth_str_t interface, berth_str_t name,
                                     void* env, void (*drop)(void* env, void* user, uint32_t rep));
/* Links once. BERTH_E_LINK names every import that is missing or whose type differs. */
berth_error_t* berth_pre_new(const berth_linker_t* linker, const berth_component_t* component,
                             berth_pre_t** out);
void berth_pre_free(berth_pre_t* pre);
/* True when the component can reach a function that suspends: only the *_start functions below may
 * be used with its instances. Otherwise both paths may. */
bool berth_pre_is_async(const berth_pre_t* pre);
/* Finds an export and compares its type. *out lives as long as pre. */
berth_error_t* berth_pre_export(berth_pre_t* pre, berth_str_t interface, berth_str_t name, berth_str_t type,
                                uint32_t flat_params, uint32_t flat_results, bool result_handles,
                                const berth_export_t** out);

/* ---- instances ---------------------------------------------------------------------------- */

typedef enum {
  BERTH_USE_TCP_BIND,
  BERTH_USE_TCP_CONNECT,
  BERTH_USE_UDP_BIND,
  BERTH_USE_UDP_CONNECT,
  BERTH_USE_UDP_SEND,
  BERTH_USE_HTTP_CONNECT
} berth_socket_use_t;
typedef struct {
  uint8_t family; /* 4 or 6 */
  uint16_t port;
  uint8_t addr[16];
} berth_sockaddr_t;
typedef struct {
  berth_str_t host_path, guest_path;
  bool write;
} berth_preopen_t;

typedef enum {
  BERTH_FILE_READ_ONLY, /* a change below a preopen without `write` */
  BERTH_FILE_OUTSIDE    /* a path that leads out of the directory it starts in */
} berth_file_refusal_t;
typedef struct {
  berth_file_refusal_t why;
  berth_str_t operation; /* as wasi:filesystem/types names it: "open-at" */
  berth_str_t directory; /* guest_path of the preopen through which the guest came */
  berth_str_t path;      /* as the guest gave it; empty for an operation on an open file */
} berth_file_denial_t;

/* Decisions about the outside. Called on the thread that runs the guest or on an engine I/O thread;
 * must not block. A NULL pointer denies. */
typedef struct {
  bool (*connect)(void* user, berth_socket_use_t use,
                  const berth_sockaddr_t* addr); /* at dial time, each candidate */
  bool (*resolve)(void* user, berth_str_t name);
  bool (*http)(void* user, berth_str_t method, berth_str_t scheme, berth_str_t authority, berth_str_t path);
  /* Output of the guest, as it writes; stream is 1 or 2. NULL with inherit_stdio false: discarded. */
  void (*output)(void* user, int stream, const uint8_t* data, size_t len);
  /* A file operation was refused by what the preopens allow, never by the system's own permissions.
   * Told after the fact: the guest gets "not-permitted" either way. NULL: nobody is told. */
  void (*file_denied)(void* user, const berth_file_denial_t* denial);
} berth_wasi_hooks_t;

typedef struct {
  const berth_str_t* args;
  size_t args_len;
  const berth_str_t* env;
  size_t env_len; /* "KEY=VALUE" */
  const berth_preopen_t* preopens;
  size_t preopens_len;
  bool inherit_stdio;
  /* PEM bundle of extra trusted certificate authorities for wasi:http; may be empty. */
  berth_str_t extra_ca_pem;
  berth_wasi_hooks_t hooks;
} berth_wasi_config_t;

typedef struct {
  void* user;                      /* given to every callback; outlives the instance and its tasks */
  uint64_t max_memory_bytes;       /* per linear memory, rounded down to pages; 0 = the engine's maximum */
  uint32_t max_table_elements;     /* per table; 0 = the engine's maximum */
  uint32_t max_core_instances;     /* core instances, memories and tables each; 0 = 100 */
  const berth_wasi_config_t* wasi; /* copied; NULL when the component imports no WASI */
} berth_instance_config_t;

/* Instantiates on this thread. `deadline_ticks` bounds start functions. */
berth_error_t* berth_instance_new(const berth_pre_t* pre, const berth_instance_config_t* config,
                                  uint64_t deadline_ticks, berth_instance_t** out);
/* Destroys the instance: its resources' drop callbacks run. Not while one of its tasks exists. */
void berth_instance_free(berth_instance_t* instance);
/* Bytes of linear memory now committed to the guest, all memories together. */
uint64_t berth_instance_memory(const berth_instance_t* instance);
/* True after a trap or cancellation: every further call fails. */
bool berth_instance_is_dead(const berth_instance_t* instance);

/* ---- calls into a guest ------------------------------------------------------------------- */

/* A string, or a list whose elements lie in guest memory as they do here. */
typedef struct {
  const void* data;
  size_t len; /* bytes, below 4 GiB */
  uint32_t align;
  uint32_t slot; /* index in args: the address goes to args[slot] */
} berth_block_t;

typedef struct berth_call {
  void* ctx;
  /* Parameters the engine copies into the guest by itself, before `lower`: it reallocs each block and
   * stores its address in args[slot].lo; the caller has filled args[slot + 1] (the element count).
   * Only with flat_params <= 16. */
  const berth_block_t* blocks;
  size_t block_count;
  /* NULL: args[0..flat_params) are already filled. Otherwise fills args (or, when flat_params > 16,
   * reallocs the record and stores its address in args[0].lo). */
  berth_error_t* (*lower)(void* ctx, berth_lower_cx_t* cx, berth_val_t* args);
  /* NULL: a flat result without handles is left in result.lo, zero-extended. Otherwise called before
   * post-return with the flat result, or the return address in result->lo when flat_results is 2 (not
   * checked at all).
   * memory is valid during the callback. handles as in berth_host_call_t; guest resources: an id
   * for berth_resource_drop. */
  berth_error_t* (*lift)(void* ctx, const berth_val_t* result, const uint8_t* memory, size_t memory_len,
                         const uint32_t* handles, size_t handle_count);
  uint64_t deadline_ticks; /* from the start of the call; 0 = none */
  berth_val_t result;
  berth_val_t args[16];
} berth_call_t;

/* Inline call on this thread. BERTH_E_INVALID when the pre is async. */
berth_error_t* berth_call(berth_instance_t* instance, const berth_export_t* export_, berth_call_t* call);

/* Fibre paths: a task makes progress only inside berth_task_poll. `wake` asks for another poll; it
 * comes from any thread, also from inside poll, never after berth_task_free returned, which waits
 * for one in progress: wake must not free the task, nor wait for a lock held around the free. */
typedef void (*berth_wake_t)(void* wake_ctx);
berth_error_t* berth_instance_start(const berth_pre_t* pre, const berth_instance_config_t* config,
                                    uint64_t deadline_ticks,
                                    berth_instance_t** out, /* set when the task is done */
                                    berth_wake_t wake, void* wake_ctx, berth_task_t** task);
berth_error_t* berth_call_start(berth_instance_t* instance, const berth_export_t* export_, berth_call_t* call,
                                berth_wake_t wake, void* wake_ctx, berth_task_t** task);
/* Calls an export with WAVE text ("name(args)" or "iface#name(args)"); *out is the result as WAVE text. */
berth_error_t* berth_invoke_start(berth_instance_t* instance, berth_str_t call, uint64_t deadline_ticks,
                                  berth_bytes_t* out, berth_wake_t wake, void* wake_ctx, berth_task_t** task);
/* True when done: *error is then set (NULL on success). A guest that computes is interrupted once a
 * tick so that poll returns (it has then asked to be polled again). Not called again after true. */
bool berth_task_poll(berth_task_t* task, berth_error_t** error);
/* Frees; an unfinished task is cancelled first and its instance is dead afterwards. */
void berth_task_free(berth_task_t* task);

/* Destroys a guest resource the host owns (runs the guest's destructor, inline). */
berth_error_t* berth_resource_drop(berth_instance_t* instance, uint32_t id);

/* ---- inside a lower callback -------------------------------------------------------------- */

/* The guest's memory. The pointer changes after each berth_lower_realloc. */
uint8_t* berth_lower_memory(berth_lower_cx_t* cx, size_t* len);
/* Allocates in the guest; the engine has checked bounds and alignment of *out. *memory is then what
 * berth_lower_memory would return; it may be NULL. */
berth_error_t* berth_lower_realloc(berth_lower_cx_t* cx, uint32_t align, uint32_t size, uint32_t* out,
                                   uint8_t** memory);
/* Makes a guest handle. `resource` is "IFACE#name" as in the structural text. `rep`: for a host
 * resource its rep, for a guest resource the id. An own of a guest resource gives the id away. */
berth_error_t* berth_lower_own(berth_lower_cx_t* cx, berth_str_t resource, uint32_t rep, uint32_t* handle);
berth_error_t* berth_lower_borrow(berth_lower_cx_t* cx, berth_str_t resource, uint32_t rep, uint32_t* handle);

#ifdef __cplusplus
}
#endif
#endif
