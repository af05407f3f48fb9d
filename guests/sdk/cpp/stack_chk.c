// The two symbols of the stack protector. Debian builds the wasm compiler runtime with it, and its
// wasi-libc does not provide them; a guest that overflows a guarded frame traps here.
#include <stdint.h>

uintptr_t __stack_chk_guard = 0x595e9fbdu;

_Noreturn void __stack_chk_fail(void) { __builtin_trap(); }
