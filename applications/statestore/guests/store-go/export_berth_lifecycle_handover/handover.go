// Package export_berth_lifecycle_handover is berth:lifecycle/handover.
package export_berth_lifecycle_handover

import (
	"wit_component/entries"

	. "go.bytecodealliance.org/pkg/wit/types"
)

func Save() Result[[]uint8, string] {
	return Ok[[]uint8, string](entries.All().Save())
}

func Restore(state []uint8) Result[Unit, string] {
	if err := entries.All().Restore(state); err != nil {
		return Err[Unit](err.Error())
	}
	return Ok[Unit, string](Unit{})
}
