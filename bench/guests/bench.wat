;; The guest of the inline benchmarks: the least work a guest can do, so that the crossing is what
;; is measured. Its allocator bumps a pointer; every call gives back what was allocated for it.
(module
  (import "berth:bench/host@0.1.0" "tick" (func $tick (param i32) (result i32)))
  (memory (export "memory") 64)
  (global $bump (mut i32) (i32.const 65536))

  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $bump) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $bump (i32.add (local.get $at) (local.get $size)))
    (local.get $at))
  (func $release (global.set $bump (i32.const 65536)))

  (func (export "berth:bench/guest@0.1.0#add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))

  (func (export "berth:bench/guest@0.1.0#host-loop") (param $n i32) (result i32)
    (local $last i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $last (call $tick (local.get $n)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $again)))
    (local.get $last))

  (func (export "berth:bench/guest@0.1.0#bytes-in") (param $at i32) (param $len i32) (result i32)
    (call $release)
    (local.get $len))

  ;; The result area is at address 16; the bytes are the memory from 65536 on.
  (func (export "berth:bench/guest@0.1.0#bytes-out") (param $len i32) (result i32)
    (i32.store (i32.const 16) (i32.const 65536))
    (i32.store (i32.const 20) (local.get $len))
    (i32.const 16))
  (func (export "cabi_post_berth:bench/guest@0.1.0#bytes-out") (param i32) (call $release))

  (func (export "berth:bench/guest@0.1.0#rows") (param $at i32) (param $len i32) (result i32)
    (i32.store (i32.const 16) (local.get $at))
    (i32.store (i32.const 20) (local.get $len))
    (i32.const 16))
  (func (export "cabi_post_berth:bench/guest@0.1.0#rows") (param i32) (call $release))

  (func (export "berth:bench/guest@0.1.0#spin") (loop $again (br $again))))
