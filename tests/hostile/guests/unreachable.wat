;; Traps at once: a plain bug.
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "ping") (result i32) (i32.const 7))
    (func $attack (export "attack") (result i32)
      (unreachable)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (func (export "attack") (result u32)
    (canon lift (core func $i "attack"))))
