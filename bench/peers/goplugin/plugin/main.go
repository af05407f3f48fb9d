//go:build wasip1

// The store, as a plugin.
package main

import (
	"context"
	"runtime"
	"strconv"

	"berth/bench/peers/goplugin/kv"
)

type entry struct {
	value []byte
	etag  string
}

type store struct {
	entries map[string]entry
	version uint64
	garbage int
}

func (s *store) Set(_ context.Context, request *kv.SetRequest) (*kv.SetReply, error) {
	s.collect(len(request.Value))
	s.version++
	etag := strconv.FormatUint(s.version, 10)
	s.entries[request.Key] = entry{request.Value, etag}
	return &kv.SetReply{Etag: etag}, nil
}

func (s *store) Get(_ context.Context, request *kv.GetRequest) (*kv.GetReply, error) {
	found := s.entries[request.Key]
	s.collect(len(found.value))
	return &kv.GetReply{Value: found.value, Etag: found.etag}, nil
}

// Nothing else runs the collector between calls: without this the plugin dies when it has 4 GiB. Often enough not to
// touch new memory all the time, seldom enough to be a small part of the time.
func (s *store) collect(bytes int) {
	s.garbage += bytes + 256
	if s.garbage > 32<<20 {
		s.garbage = 0
		runtime.GC()
	}
}

func init() { kv.RegisterStore(&store{entries: map[string]entry{}}) }

func main() {}
