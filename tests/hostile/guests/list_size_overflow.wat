;; Answers 2^29 u64 values: their size in bytes is 2^32, which wraps to 0.
(component
  (core module $m
    (memory (export "memory") 1)
    (data (i32.const 16) "\40\00\00\00\00\00\00\20")
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (result i32)
      (i32.const 16)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (func (export "attack") (result (list u64))
    (canon lift (core func $i "attack") (memory (core memory $i "memory")))))
