// Package export_berth_state_expiry is berth:state/expiry.
package export_berth_state_expiry

import (
	. "wit_component/berth_state_expiry"
	"wit_component/entries"

	. "go.bytecodealliance.org/pkg/wit/types"
)

func Purge(now uint64, after Option[string]) Result[Purged, Error] {
	return Ok[Purged, Error](entries.All().Purge(now, after))
}
