;; The guest of the swap benchmark: the last sequence number of each of 64 clients, at address 1024,
;; which a swap hands over as 512 bytes.
(module
  (memory (export "memory") 2)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))

  (func (export "berth:bench/ledger@0.1.0#record-call") (param $client i32) (param $seq i64) (result i32)
    (local $slot i32)
    (local.set $slot (i32.add (i32.const 1024) (i32.shl (i32.and (local.get $client) (i32.const 63)) (i32.const 3))))
    (if (result i32) (i64.eq (local.get $seq) (i64.add (i64.load (local.get $slot)) (i64.const 1)))
      (then (i64.store (local.get $slot) (local.get $seq)) (i32.const 1))
      (else (i32.const 0))))

  ;; ok(list): case 0 at 16, address and length behind it.
  (func (export "berth:lifecycle/handover@0.1.0#save") (result i32)
    (i32.store8 (i32.const 16) (i32.const 0))
    (i32.store (i32.const 20) (i32.const 1024))
    (i32.store (i32.const 24) (i32.const 512))
    (i32.const 16))

  (func (export "berth:lifecycle/handover@0.1.0#restore") (param $at i32) (param $len i32) (result i32)
    (memory.copy (i32.const 1024) (local.get $at) (i32.const 512))
    (i32.store8 (i32.const 16) (i32.const 0))
    (i32.const 16)))
