;; A bad build of the ledger: every call traps.
(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "berth:bench/ledger@0.1.0#record-call") (param i32 i64) (result i32) unreachable)
  (func (export "berth:lifecycle/handover@0.1.0#save") (result i32) unreachable)
  (func (export "berth:lifecycle/handover@0.1.0#restore") (param i32 i32) (result i32) unreachable))
