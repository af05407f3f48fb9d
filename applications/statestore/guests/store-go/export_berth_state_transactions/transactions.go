// Package export_berth_state_transactions is berth:state/transactions.
package export_berth_state_transactions

import (
	. "wit_component/berth_state_transactions"
	"wit_component/entries"

	. "go.bytecodealliance.org/pkg/wit/types"
)

func Transact(now uint64, operations []Operation) Result[Unit, Failure] {
	if failure := entries.All().Transact(now, operations); failure != nil {
		return Err[Unit](*failure)
	}
	return Ok[Unit, Failure](Unit{})
}
