;; Answers a result record that lies behind the end of memory.
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (result i32)
      (i32.const 0x10000000)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (func (export "attack") (result string)
    (canon lift (core func $i "attack") (memory (core memory $i "memory")))))
