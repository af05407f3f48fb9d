// Package export_berth_gather_gatherers holds operator_conditions: how long each operator has been in its state.
package export_berth_gather_gatherers

import (
	"fmt"
	"slices"

	"wit_component/berth_gather_gatherers"
	"wit_component/berth_gather_records"
	"wit_component/kube"

	types "go.bytecodealliance.org/pkg/wit/types"
)

const path = "aggregated/operator_conditions.json"

func List() []berth_gather_gatherers.Description {
	return []berth_gather_gatherers.Description{{
		Name: "operator_conditions",
		Text: "The conditions of all ClusterOperators in one record: by type and status, which operators have it and since when.",
		Records: []berth_gather_gatherers.RecordDescription{
			{Path: path, Text: "type -> status -> operator -> lastTransitionTime"},
		},
	}}
}

type condition struct{ kind, status, operator, since string }

func conditions() ([]condition, error) {
	var out []condition
	for op, err := range kube.ClusterOperators().List(kube.Where{}) {
		if err != nil {
			return nil, err
		}
		for c := range op.Status().Conditions().All() {
			out = append(out, condition{c.Type(), c.Status(), op.Metadata().Name(), c.LastTransitionTime()})
		}
	}
	slices.SortFunc(out, func(a, b condition) int {
		return slices.Compare([]string{a.kind, a.status, a.operator}, []string{b.kind, b.status, b.operator})
	})
	return out, nil
}

func Gather(name string, parameters string, budget berth_gather_gatherers.Budget, output *berth_gather_records.Output) types.Result[types.Unit, string] {
	defer output.Drop()
	if name != "operator_conditions" {
		return types.Err[types.Unit, string](fmt.Sprintf("this component holds no %s", name))
	}
	all, err := conditions()
	if err != nil {
		return types.Err[types.Unit, string]("cluster operators: " + err.Error())
	}
	out := []byte{'{'}
	for i, c := range all {
		newKind := i == 0 || all[i-1].kind != c.kind
		newStatus := newKind || all[i-1].status != c.status
		switch {
		case i == 0:
		case newKind:
			out = append(out, "}},"...)
		case newStatus:
			out = append(out, "},"...)
		default:
			out = append(out, ',')
		}
		if newKind {
			out = append(kube.AppendQuoted(out, c.kind), ":{"...)
		}
		if newStatus {
			out = append(kube.AppendQuoted(out, c.status), ":{"...)
		}
		out = append(kube.AppendQuoted(out, c.operator), ':')
		out = kube.AppendQuoted(out, c.since)
	}
	if len(all) > 0 {
		out = append(out, "}}"...)
	}
	// A refusal is noted by the host.
	output.Put(berth_gather_records.Item{Path: path, Content: append(out, '}')})
	return types.Ok[types.Unit, string](types.Unit{})
}
