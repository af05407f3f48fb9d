// Dapr's own conformance tests of state stores, against a pluggable component's socket. Takes go test's flags
// (-test.v) and prints what it prints.
package main

import (
	"context"
	"flag"
	"regexp"
	"slices"
	"strings"
	"testing"

	contrib "github.com/dapr/components-contrib/state"
	conformance "github.com/dapr/components-contrib/tests/conformance/state"
	pluggable "github.com/dapr/dapr/pkg/components/state"
	"github.com/dapr/kit/logger"
)

var (
	socket     = flag.String("socket", "", "the component's socket")
	operations = flag.String("operations", "", "what the store can do, as in Dapr's tests/config/state/tests.yml")
	badETag    = flag.String("bad-etag", "9999999", "an ETag of the right form that no entry has")
)

// What Dapr's client of pluggable components is.
type component interface {
	contrib.Store
	contrib.TransactionalStore
	contrib.Querier
}

// A client whose bulk writes are single calls. With ETags the tests expect an error for each item of a bulk, and
// the protocol has one status for all.
type single struct {
	component
	bulk contrib.BulkStore
}

func (s single) BulkSet(ctx context.Context, requests []contrib.SetRequest, o contrib.BulkStoreOpts) error {
	return s.bulk.BulkSet(ctx, requests, o)
}

func (s single) BulkDelete(ctx context.Context, requests []contrib.DeleteRequest, o contrib.BulkStoreOpts) error {
	return s.bulk.BulkDelete(ctx, requests, o)
}

// A client of a store that does not say that it has ETags, so that the tests send bulk writes without them.
type untagged struct{ component }

func (s untagged) Features() []contrib.Feature {
	return slices.DeleteFunc(slices.Clone(s.component.Features()), func(f contrib.Feature) bool {
		return f == contrib.FeatureETag
	})
}

func test(t *testing.T) {
	wanted := strings.Split(*operations, ",")
	config, err := conformance.NewTestConfig("berth", wanted, map[string]any{"badEtag": *badETag})
	if err != nil {
		t.Fatal(err)
	}
	var store component = pluggable.NewGRPCStateStore(logger.NewLogger("conformance"), *socket)
	if slices.Contains(wanted, "etag") {
		store = single{store, contrib.NewDefaultBulkStore(store)}
	} else {
		store = untagged{store}
	}
	conformance.ConformanceTests(t, map[string]string{}, store, config)
}

func main() {
	match := func(pattern, name string) (bool, error) { return regexp.MatchString(pattern, name) }
	testing.Main(match, []testing.InternalTest{{Name: "State", F: test}}, nil, nil)
}
