// Stand-ins for the preview-1 calls that wasi-libc may reach, so that a guest which needs only
// malloc and string functions becomes a component without any WASI import. Each answers what a host
// without files, clocks or a terminal would: nothing can be read, written or known. abort() and a
// failed assertion end in proc_exit, which traps.
//
// The names and signatures are wasi-libc's own declarations of the preview-1 ABI: defining one here
// replaces the import. Weak, so that a guest may bring its own.
#include <stdint.h>

#define STAND_IN(name) __attribute__((weak)) int32_t __imported_wasi_snapshot_preview1_##name

enum { kBadFileDescriptor = 8, kNotSupported = 58 };  // preview-1 errno values

STAND_IN(fd_close)(int32_t fd) {
  (void)fd;
  return kBadFileDescriptor;
}
STAND_IN(fd_fdstat_get)(int32_t fd, int32_t stat) {
  (void)fd, (void)stat;
  return kBadFileDescriptor;
}
STAND_IN(fd_prestat_get)(int32_t fd, int32_t prestat) {
  (void)fd, (void)prestat;
  return kBadFileDescriptor;  // ends libc's search for preopened directories
}
STAND_IN(fd_prestat_dir_name)(int32_t fd, int32_t path, int32_t length) {
  (void)fd, (void)path, (void)length;
  return kBadFileDescriptor;
}
STAND_IN(fd_read)(int32_t fd, int32_t vectors, int32_t count, int32_t done) {
  (void)fd, (void)vectors, (void)count, (void)done;
  return kBadFileDescriptor;
}
STAND_IN(fd_seek)(int32_t fd, int64_t offset, int32_t whence, int32_t position) {
  (void)fd, (void)offset, (void)whence, (void)position;
  return kBadFileDescriptor;
}
STAND_IN(fd_write)(int32_t fd, int32_t vectors, int32_t count, int32_t done) {
  (void)fd, (void)vectors, (void)count, (void)done;
  return kBadFileDescriptor;
}
STAND_IN(environ_get)(int32_t environ, int32_t buffer) {
  (void)environ, (void)buffer;
  return 0;
}
STAND_IN(environ_sizes_get)(int32_t count, int32_t size) {
  *(int32_t*)(intptr_t)count = 0;
  *(int32_t*)(intptr_t)size = 0;
  return 0;
}
STAND_IN(clock_time_get)(int32_t clock, int64_t precision, int32_t time) {
  (void)clock, (void)precision, (void)time;
  return kNotSupported;
}
STAND_IN(random_get)(int32_t buffer, int32_t length) {
  (void)buffer, (void)length;
  return kNotSupported;
}

__attribute__((weak)) _Noreturn void __imported_wasi_snapshot_preview1_proc_exit(int32_t code) {
  (void)code;
  __builtin_trap();
}
