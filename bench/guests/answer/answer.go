// A guest of the size that a gatherer in Go has: its runtime, JSON and formatting.
package main

import (
	"encoding/json"
	"fmt"
)

//go:wasmexport answer
func answer(n uint32) uint32 {
	text, err := json.Marshal(map[string]string{"digits": fmt.Sprint(n)})
	if err != nil {
		return 0
	}
	var sum uint32
	for _, c := range text {
		if c >= '0' && c <= '9' {
			sum += uint32(c - '0')
		}
	}
	return sum
}

func main() {}
