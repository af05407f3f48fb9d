;; realloc answers an odd address for a list of u64, which must lie on a multiple of eight.
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.const 1025))
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (param i32 i32) (result i32)
      (local.get 1)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (func (export "attack") (param "l" (list u64)) (result u32)
    (canon lift (core func $i "attack") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
