;; Imports `make` of berth:hostile/things as a function from text to number; the host's takes nothing and answers a thing.
(component
  (import "berth:hostile/things" (instance $things
    (export "make" (func (param "name" string) (result u64)))))
  (core module $m
    (func (export "ping") (result i32) (i32.const 7)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping"))))
