;; A core module where a component is expected.
(module
  (func (export "ping") (result i32) (i32.const 7)))
