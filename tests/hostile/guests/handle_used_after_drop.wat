;; Uses a handle that it has dropped.
(component
  (import "berth:hostile/things" (instance $things
    (export "thing" (type $thing (sub resource)))
    (export "make" (func (result (own $thing))))
    (export "take" (func (param "thing" (own $thing))))
    (export "use" (func (param "thing" (borrow $thing)) (result u32)))))
  (alias export $things "thing" (type $thing))
  (core func $drop (canon resource.drop $thing))
  (core func $make (canon lower (func $things "make")))
  (core func $take (canon lower (func $things "take")))
  (core func $use (canon lower (func $things "use")))
  (core module $m
    (import "things" "make" (func $make (result i32)))
    (import "things" "take" (func $take (param i32)))
    (import "things" "use" (func $use (param i32) (result i32)))
    (import "things" "drop" (func $drop (param i32)))
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (result i32)
      (local $thing i32)
      (local.set $thing (call $make))
      (call $drop (local.get $thing))
      (call $use (local.get $thing))))
  (core instance $i (instantiate $m (with "things" (instance
    (export "make" (func $make)) (export "take" (func $take)) (export "use" (func $use)) (export "drop" (func $drop))))))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (func (export "attack") (result u32) (canon lift (core func $i "attack"))))
