;; Never returns: only the deadline ends it.
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (result i32)
      (loop $forever (br $forever))
      (unreachable)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (func (export "attack") (result u32)
    (canon lift (core func $i "attack"))))
