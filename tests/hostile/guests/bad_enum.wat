;; Answers value 3 of an enum that has three values, as a flat result.
(component
  (core module $m
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (result i32) (i32.const 3)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (type $colour' (enum "red" "green" "blue"))
  (export $colour "colour" (type $colour'))
  (func (export "attack") (result $colour) (canon lift (core func $i "attack"))))
