// The host of the peer: goplugin PLUGIN.wasm. Reads lines "BYTES TIMES", and after so many times of a set and a get of a
// value of so many bytes writes a line, the nanoseconds that all of them took.
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"berth/bench/peers/goplugin/kv"
)

func main() {
	log.SetFlags(0)
	ctx := context.Background()
	plugin, err := kv.NewStorePlugin(ctx)
	must(err)
	store, err := plugin.Load(ctx, os.Args[1])
	must(err)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var size, times int
		_, err := fmt.Sscan(lines.Text(), &size, &times)
		must(err)
		value := bytes.Repeat([]byte{'v'}, size)
		begin := time.Now()
		for range times {
			_, err := store.Set(ctx, &kv.SetRequest{Key: "key", Value: value})
			must(err)
			reply, err := store.Get(ctx, &kv.GetRequest{Key: "key"})
			must(err)
			if len(reply.Value) != size {
				log.Fatalf("the plugin answered with %d bytes instead of %d", len(reply.Value), size)
			}
		}
		fmt.Println(time.Since(begin).Nanoseconds())
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
