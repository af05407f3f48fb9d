;; Asks for 65,536 pages (4 GiB) before it has run a single instruction.
(component
  (core module $m
    (memory (export "memory") 65536)
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (result i32)
      (i32.const 1)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (func (export "attack") (result u32)
    (canon lift (core func $i "attack"))))
