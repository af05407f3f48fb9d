// Package export_berth_state_bulk is berth:state/bulk.
package export_berth_state_bulk

import (
	. "wit_component/berth_state_types"
	"wit_component/entries"

	. "go.bytecodealliance.org/pkg/wit/types"
)

func GetMany(now uint64, keys []string) Result[[]Result[Option[Entry], Error], Error] {
	all := entries.All()
	return each(keys, func(key string) (Option[Entry], *Error) { return all.Get(now, key), nil })
}

func SetMany(now uint64, writes []Write) Result[[]Result[string, Error], Error] {
	all := entries.All()
	return each(writes, func(write Write) (string, *Error) { return all.Set(now, write) })
}

func DeleteMany(now uint64, removals []Removal) Result[[]Result[Unit, Error], Error] {
	all := entries.All()
	return each(removals, func(removal Removal) (Unit, *Error) { return Unit{}, all.Delete(now, removal) })
}

func each[I, T any](items []I, call func(I) (T, *Error)) Result[[]Result[T, Error], Error] {
	results := make([]Result[T, Error], len(items))
	for i, item := range items {
		results[i] = entries.Outcome(call(item))
	}
	return Ok[[]Result[T, Error], Error](results)
}
