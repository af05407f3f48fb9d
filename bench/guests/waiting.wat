;; A guest that waits in a host call for as long as the host likes.
(module
  (import "berth:bench/slow-host@0.1.0" "pause" (func $pause))
  (memory (export "memory") 1)
  (func (export "berth:bench/slow-guest@0.1.0#wait") (call $pause)))
