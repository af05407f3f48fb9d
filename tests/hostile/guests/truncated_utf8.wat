;; Answers a string that ends in the middle of a character.
(component
  (core module $m
    (memory (export "memory") 1)
    (data (i32.const 16) "\40\00\00\00\02\00\00\00")
    (data (i32.const 64) "a\c3")
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (result i32)
      (i32.const 16)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (func (export "attack") (result string)
    (canon lift (core func $i "attack") (memory (core memory $i "memory")))))
