;; Is lent a resource and returns without giving it back.
(component
  (import "berth:hostile/things" (instance $things
    (export "thing" (type $thing (sub resource)))))
  (alias export $things "thing" (type $thing))
  (core module $m
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (param i32) (result i32) (local.get 0)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (func (export "attack") (param "thing" (borrow $thing)) (result u32) (canon lift (core func $i "attack"))))
