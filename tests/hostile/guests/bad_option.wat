;; Answers an option whose discriminant is 2: neither none nor some.
(component
  (core module $m
    (memory (export "memory") 1)
    (data (i32.const 16) "\02\00\00\00\01\00\00\00")
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (result i32) (i32.const 16)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (func (export "attack") (result (option u32))
    (canon lift (core func $i "attack") (memory (core memory $i "memory")))))
