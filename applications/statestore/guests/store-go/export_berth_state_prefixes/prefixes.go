// Package export_berth_state_prefixes is berth:state/prefixes.
package export_berth_state_prefixes

import (
	. "wit_component/berth_state_types"
	"wit_component/entries"

	. "go.bytecodealliance.org/pkg/wit/types"
)

func DeletePrefix(now uint64, prefix string) Result[uint64, Error] {
	return Ok[uint64, Error](entries.All().DeletePrefix(now, prefix))
}
