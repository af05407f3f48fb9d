;; Grows a table until it is refused, and answers its size.
(component
  (core module $m
    (memory (export "memory") 1)
    (table $t 1 funcref)
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (result i32)
      (loop $more (br_if $more (i32.ge_s (table.grow $t (ref.null func) (i32.const 100)) (i32.const 0))))
      (table.size $t)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (func (export "attack") (result u32)
    (canon lift (core func $i "attack"))))
