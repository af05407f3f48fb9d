;; Grows its memory until it is refused, then traps: the trap is the limit's doing.
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (result i32)
      (loop $more (br_if $more (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0))))
      (unreachable)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (func (export "attack") (result u32)
    (canon lift (core func $i "attack"))))
