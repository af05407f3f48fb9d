// Package export_berth_state_store is berth:state/store.
package export_berth_state_store

import (
	"fmt"
	"strconv"

	"wit_component/berth_state_store"
	. "wit_component/berth_state_types"
	"wit_component/entries"

	. "go.bytecodealliance.org/pkg/wit/types"
)

const features = berth_state_store.Features_Bulk | berth_state_store.Features_Transactions | berth_state_store.Features_Scanning |
	berth_state_store.Features_Prefixes | berth_state_store.Features_Expiry

func Init(settings []Tuple2[string, string]) Result[berth_state_store.Features, string] {
	for _, setting := range settings {
		name, value := setting.F0, setting.F1
		if name != "capacity" {
			return Err[uint8, string](fmt.Sprintf("no setting %q; there is: capacity", name))
		}
		bytes, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return Err[uint8, string](fmt.Sprintf("capacity: %q is no number of bytes", value))
		}
		entries.All().Capacity = bytes
	}
	return Ok[uint8, string](features)
}

func Get(now uint64, key string) Result[Option[Entry], Error] {
	return Ok[Option[Entry], Error](entries.All().Get(now, key))
}

func Set(now uint64, key string, value []uint8, condition Condition, expires Option[uint64]) Result[string, Error] {
	return entries.Outcome(entries.All().Set(now, Write{Key: key, Value: value, Condition: condition, Expires: expires}))
}

func Delete(now uint64, key string, condition Condition) Result[Unit, Error] {
	return entries.Outcome(Unit{}, entries.All().Delete(now, Removal{Key: key, Condition: condition}))
}
