// Package export_berth_gather_gatherers does in Go what pods.cc does in C++.
package export_berth_gather_gatherers

import (
	"fmt"

	"wit_component/berth_gather_gatherers"
	"wit_component/berth_gather_records"
	"wit_component/kube"

	types "go.bytecodealliance.org/pkg/wit/types"
)

func List() []berth_gather_gatherers.Description {
	return []berth_gather_gatherers.Description{{Name: "typed"}}
}

func text() (string, error) {
	out := ""
	for pod, err := range kube.Pods().List(kube.Where{Namespace: "shop", Labels: "app=web"}) {
		if err != nil {
			return "", err
		}
		out += pod.Metadata().Name() + " on " + pod.Spec().NodeName() + " " + pod.Status().Phase()
		for c := range pod.Spec().Containers().All() {
			out += " " + c.Name() + "=" + c.Image()
			for name, quantity := range c.Resources().Requests().All() {
				out += " " + name + ":" + quantity
			}
		}
		for s := range pod.Status().ContainerStatuses().All() {
			out += fmt.Sprintf(" restarts=%d", s.RestartCount())
			if s.Ready() {
				out += " ready"
			}
		}
		for ip := range pod.Status().PodIPs().All() {
			out += " " + ip.Ip()
		}
		out += "\n"
	}
	d, err := kube.Deployments().Get("shop", "front")
	if err != nil {
		return "", err
	}
	out += fmt.Sprintf("front: %d of %s, surge %s\n", d.Spec().Replicas(), d.Spec().Template().Metadata().Labels().Get("app"),
		d.Spec().Strategy().RollingUpdate().MaxSurge().Text())
	status := 200
	if _, err := kube.Deployments().Get("shop", "none"); err != nil {
		status = err.(*kube.Error).Status()
	}
	return out + fmt.Sprintf("none: %d\n", status), nil
}

func Gather(name string, parameters string, budget berth_gather_gatherers.Budget, output *berth_gather_records.Output) types.Result[types.Unit, string] {
	defer output.Drop()
	out, err := text()
	if err != nil {
		return types.Err[types.Unit, string](err.Error())
	}
	output.Put(berth_gather_records.Item{Path: "typed.txt", Content: []byte(out)})
	return types.Ok[types.Unit, string](types.Unit{})
}
