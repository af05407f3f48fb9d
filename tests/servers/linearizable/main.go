// Reads a history of calls on a key-value store, one JSON object a line, and asks porcupine whether there is
// an order of them, within their times, that a store doing one call after the other could have answered.
// Ends with 0 when there is, and with 1, naming the key, when there is none.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

// An entry is named by its value, which is unique among all writes; absent is the empty text.
type call struct {
	Client int     `json:"client"`
	Key    string  `json:"key"`
	Op     string  `json:"op"`     // get, set or delete
	Value  string  `json:"value"`  // what set writes
	Expect *string `json:"expect"` // set and delete: only if this is there; null: whatever is there
	Call   int64   `json:"call"`   // when it was made and answered, in ns
	Return int64   `json:"return"`
	answer
}

type answer struct {
	Ok     bool   `json:"ok"`     // set and delete: done, rather than refused for the condition
	Result string `json:"result"` // what get found
}

var store = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, operation := range history {
			key := operation.Input.(call).Key
			byKey[key] = append(byKey[key], operation)
		}
		var out [][]porcupine.Operation
		for _, operations := range byKey {
			out = append(out, operations)
		}
		return out
	},
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		there, made, got := state.(string), input.(call), output.(answer)
		if made.Op == "get" {
			return got.Result == there, there
		}
		holds := made.Expect == nil || *made.Expect == there
		if got.Ok != holds || !holds {
			return got.Ok == holds, there
		}
		if made.Op == "delete" {
			return true, ""
		}
		return true, made.Value
	},
}

func main() {
	var history []porcupine.Operation
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var one call
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil || one.Return < one.Call {
			fmt.Fprintf(os.Stderr, "line %d is no call: %v\n", len(history)+1, err)
			os.Exit(2)
		}
		history = append(history, porcupine.Operation{
			ClientId: one.Client, Input: one, Call: one.Call, Output: one.answer, Return: one.Return})
	}
	if err := lines.Err(); err != nil || len(history) == 0 {
		fmt.Fprintln(os.Stderr, "no history:", err)
		os.Exit(2)
	}
	for _, ofKey := range store.Partition(history) {
		if result := porcupine.CheckOperationsTimeout(store, ofKey, time.Minute); result != porcupine.Ok {
			fmt.Printf("%s: key %s, %d calls\n", result, ofKey[0].Input.(call).Key, len(ofKey))
			os.Exit(1)
		}
	}
	fmt.Printf("linearizable: %d calls\n", len(history))
}
