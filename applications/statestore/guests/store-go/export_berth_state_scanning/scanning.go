// Package export_berth_state_scanning is berth:state/scanning.
package export_berth_state_scanning

import (
	. "wit_component/berth_state_scanning"
	"wit_component/entries"

	. "go.bytecodealliance.org/pkg/wit/types"
)

func Scan(now uint64, prefix string, after Option[string], limit uint32) Result[Page, Error] {
	return Ok[Page, Error](entries.All().Scan(now, prefix, after, limit))
}
