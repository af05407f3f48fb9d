;; Imports an interface that no host provides.
(component
  (import "berth:hostile/nowhere" (instance $nowhere
    (export "reach" (func (result u32)))))
  (core module $m
    (func (export "ping") (result i32) (i32.const 7)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping"))))
