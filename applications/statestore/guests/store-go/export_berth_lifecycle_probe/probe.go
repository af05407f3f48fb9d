// Package export_berth_lifecycle_probe is berth:lifecycle/probe.
package export_berth_lifecycle_probe

import . "go.bytecodealliance.org/pkg/wit/types"

func Probe() Result[Unit, string] {
	return Ok[Unit, string](Unit{})
}
