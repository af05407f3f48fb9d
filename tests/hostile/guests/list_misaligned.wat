;; Answers a list of u64 at an odd address.
(component
  (core module $m
    (memory (export "memory") 1)
    (data (i32.const 16) "\41\00\00\00\02\00\00\00")
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (result i32)
      (i32.const 16)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (func (export "attack") (result (list u64))
    (canon lift (core func $i "attack") (memory (core memory $i "memory")))))
