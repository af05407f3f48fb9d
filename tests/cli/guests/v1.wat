;; The smallest component with a version: version() is 1.
(component
  (core module $m (func (export "version") (result i32) i32.const 1))
  (core instance $i (instantiate $m))
  (func (export "version") (result u32) (canon lift (core func $i "version"))))
