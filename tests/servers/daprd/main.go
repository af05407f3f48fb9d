// daprd with Dapr's in-memory state store and pluggable components, and nothing else. Takes daprd's flags,
// as far as a standalone sidecar without an application needs them.
package main

import (
	"context"
	"log"
	"os"

	inmemory "github.com/dapr/components-contrib/state/in-memory"
	"github.com/dapr/dapr/cmd/daprd/options"
	"github.com/dapr/dapr/pkg/components/bindings"
	"github.com/dapr/dapr/pkg/components/configuration"
	"github.com/dapr/dapr/pkg/components/crypto"
	"github.com/dapr/dapr/pkg/components/lock"
	"github.com/dapr/dapr/pkg/components/middleware/http"
	"github.com/dapr/dapr/pkg/components/nameresolution"
	"github.com/dapr/dapr/pkg/components/pubsub"
	"github.com/dapr/dapr/pkg/components/secretstores"
	"github.com/dapr/dapr/pkg/components/state"
	"github.com/dapr/dapr/pkg/healthz"
	"github.com/dapr/dapr/pkg/metrics"
	"github.com/dapr/dapr/pkg/modes"
	"github.com/dapr/dapr/pkg/runtime"
	"github.com/dapr/dapr/pkg/runtime/registry"
	"github.com/dapr/dapr/pkg/security"
	"github.com/dapr/kit/concurrency"
	"github.com/dapr/kit/logger"
	"github.com/dapr/kit/signals"
)

func main() {
	flags, err := options.New(os.Args[1:])
	if err == nil {
		err = logger.ApplyOptionsToLoggers(&flags.Logger)
	}
	if err == nil {
		err = run(signals.Context(), flags)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, flags *options.Options) error {
	logged := logger.NewLogger("dapr.contrib")
	stores := state.DefaultRegistry // pluggable components add themselves here
	stores.Logger = logged
	stores.RegisterComponent(inmemory.NewInMemoryStateStore, "in-memory")
	components := registry.NewOptions().
		WithStateStores(stores).
		WithSecretStores(secretstores.NewRegistry()).
		WithConfigurations(configuration.NewRegistry()).
		WithLocks(lock.NewRegistry()).
		WithPubSubs(pubsub.NewRegistry()).
		WithNameResolutions(nameresolution.NewRegistry()).
		WithBindings(bindings.NewRegistry()).
		WithCryptoProviders(crypto.NewRegistry()).
		WithHTTPMiddlewares(http.NewRegistry())

	health := healthz.New()
	secured, err := security.New(ctx, security.Options{
		SentryAddress:           flags.SentryAddress,
		ControlPlaneTrustDomain: flags.ControlPlaneTrustDomain,
		AppID:                   flags.AppID,
		Mode:                    modes.StandaloneMode,
		Healthz:                 health,
	})
	if err != nil {
		return err
	}
	return concurrency.NewRunnerManager(secured.Run, func(ctx context.Context) error {
		handler, err := secured.Handler(ctx)
		if err != nil {
			return err
		}
		sidecar, err := runtime.FromConfig(ctx, &runtime.Config{
			AppID:                         flags.AppID,
			Mode:                          string(modes.StandaloneMode),
			ResourcesPath:                 flags.ResourcesPath,
			DaprHTTPPort:                  flags.DaprHTTPPort,
			DaprAPIGRPCPort:               flags.DaprAPIGRPCPort,
			DaprInternalGRPCPort:          flags.DaprInternalGRPCPort,
			DaprInternalGRPCListenAddress: flags.DaprInternalGRPCListenAddress,
			DaprAPIListenAddresses:        flags.DaprAPIListenAddresses,
			ProfilePort:                   flags.ProfilePort,
			MaxRequestSize:                flags.MaxRequestSize,
			ReadBufferSize:                flags.ReadBufferSize,
			DaprGracefulShutdownSeconds:   flags.DaprGracefulShutdownSeconds,
			AppMaxConcurrency:             flags.AppMaxConcurrency,
			DisableBuiltinK8sSecretStore:  true,
			AllowedOrigins:                flags.AllowedOrigins,
			AppProtocol:                   flags.AppProtocol,
			Metrics: metrics.Options{
				Enabled:   flags.Metrics.Enabled(),
				Log:       logged,
				Port:      flags.Metrics.Port(),
				Namespace: metrics.DefaultMetricNamespace,
				Healthz:   health,
			},
			Registry: components,
			Security: handler,
			Healthz:  health,
		})
		if err != nil {
			return err
		}
		return sidecar.Run(ctx)
	}).Run(ctx)
}
