;; Calls itself without end.
(component
  (core module $m
    (memory (export "memory") 1)
    (func $deeper (param i32) (result i32)
      (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (result i32)
      (call $deeper (i32.const 0))))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (func (export "attack") (result u32)
    (canon lift (core func $i "attack"))))
