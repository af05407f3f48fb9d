// A gatherer in Go. wit-bindgen names the module; its bindings stand beside these sources when it is built.
module wit_component

go 1.25

require go.bytecodealliance.org/pkg v0.4.0

// Comes with the crate wit-bindgen-go.
replace go.bytecodealliance.org/pkg => ./pkg
