;; Takes resources without end and drops none.
(component
  (import "berth:hostile/things" (instance $things
    (export "thing" (type $thing (sub resource)))
    (export "make" (func (result (own $thing))))))
  (core func $make (canon lower (func $things "make")))
  (core module $m
    (import "things" "make" (func $make (result i32)))
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (result i32)
      (loop $more
        (drop (call $make))
        (br $more))
      (unreachable)))
  (core instance $i (instantiate $m (with "things" (instance (export "make" (func $make))))))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (func (export "attack") (result u32) (canon lift (core func $i "attack"))))
