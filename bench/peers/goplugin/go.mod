// A peer for the benchmarks: a store as a plugin of go-plugin, which runs it in wazero.
module berth/bench/peers/goplugin

go 1.25.0

require (
	github.com/knqyf263/go-plugin v0.9.0
	github.com/tetratelabs/wazero v1.9.0
	google.golang.org/protobuf v1.30.0
)

require github.com/planetscale/vtprotobuf v0.4.0 // indirect
