;; Answers the char 0xD800: a surrogate, not a Unicode scalar value.
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (result i32)
      (i32.const 0xd800)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (func (export "attack") (result char)
    (canon lift (core func $i "attack"))))
