;; Answers case 7 of a variant that has three.
(component
  (core module $m
    (memory (export "memory") 1)
    (data (i32.const 16) "\07\00\00\00\01\00\00\00\02\00\00\00")
    (func (export "ping") (result i32) (i32.const 7))
    (func (export "attack") (result i32) (i32.const 16)))
  (core instance $i (instantiate $m))
  (func (export "ping") (result u32) (canon lift (core func $i "ping")))
  (type $choice' (variant (case "none") (case "number" u32) (case "text" string)))
  (export $choice "choice" (type $choice'))
  (func (export "attack") (result $choice)
    (canon lift (core func $i "attack") (memory (core memory $i "memory")))))
