// Dapr's in-memory store as a pluggable component, built with Dapr's own SDK for components: the peer of our
// socket. Serves <DAPR_COMPONENT_SOCKETS_FOLDER>/reference.sock (the SDK's word; daprd's is COMPONENTS).
package main

import (
	dapr "github.com/dapr-sandbox/components-go-sdk"
	"github.com/dapr-sandbox/components-go-sdk/state/v1"
	inmemory "github.com/dapr/components-contrib/state/in-memory"
	"github.com/dapr/kit/logger"
)

func main() {
	dapr.Register("reference", dapr.WithStateStore(func() state.Store {
		return inmemory.NewInMemoryStateStore(logger.NewLogger("reference"))
	}))
	dapr.MustRun()
}
