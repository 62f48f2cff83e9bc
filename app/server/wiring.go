package server

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/config"
	"smart-factory-backend/app/plant"
)

func (a *App) newAPI() (*api.API, error) {
	c := a.config
	var faulty map[string]fasthttp.RequestHandler
	if c.FaultInjection {
		faulty = a.sessions.faults()
		a.log.Warn("fault injection is on", slog.String(keyVariable, "FAULT_INJECTION"))
	}
	origins, err := access.ParseOrigins(c.AllowedOrigins)
	if err != nil {
		return nil, fmt.Errorf("ALLOWED_ORIGINS: %w", err)
	}
	hosts, err := a.allowedHosts()
	if err != nil {
		return nil, err
	}
	return api.New(api.Options{
		Store: a.store, Runtime: apiRuntime{}, Health: a.health, Metrics: a.metrics, Keys: a.keys, OEE: a.oee,
		Alarms: a.alarms, MaxShelve: c.MaxShelve,
		Timelines: plant.NewTimelines(a.store, func() int64 { return time.Now().UnixMilli() }), AutoRegister: c.AutoRegister,
		AllowedOrigins: origins, AllowedHosts: hosts, TrustedProxies: c.TrustedProxies, OnRefusal: a.refusals.observe,
		RateLimit: c.RateLimit, RateBurst: c.RateBurst, KeyRateLimit: c.KeyRateLimit,
		MaxBody: int(c.MaxBodyBytes), MaxDecompressed: int(c.MaxUnpackedBytes), MaxPoints: c.MaxPointsPerRequest,
		IngestTimeout: c.IngestTimeout, IngestMemory: ingestMemory(c),
		InfluxMachineTag: c.InfluxMachineTag, InfluxNaming: a.lineNaming.naming,
		ExternalRoutes: append(a.sessions.routes(), a.pageRoutes()...), Faults: faulty,
	})
}

// allowedHosts returns the names under which the server may be addressed: those of
// HOST, ADMIN_ADDR and ALLOWED_HOSTS.
func (a *App) allowedHosts() (access.Hosts, error) {
	names := slices.Clone(a.config.AllowedHosts)
	adminHost, _, _ := net.SplitHostPort(a.config.AdminAddr)
	for _, host := range []string{a.config.Host, adminHost} {
		if host != "" && !strings.Contains(host, ":") { // addresses are allowed anyway
			names = append(names, host)
		}
	}
	hosts, err := access.ParseHosts(names)
	if err != nil {
		return hosts, fmt.Errorf("ALLOWED_HOSTS: %w", err)
	}
	return hosts, nil
}

// ingestMemory returns the memory limit of request bodies: INGEST_MEMORY, but at most
// a quarter of the memory of the container and at least one body.
func ingestMemory(c config.Config) int64 {
	return min(int64(c.IngestMemory), max(debug.SetMemoryLimit(-1)/4, int64(c.MaxBodyBytes)))
}

func (a *App) clusterOptions() cluster.Options {
	c := a.config
	o := cluster.Options{
		// a.api is set before the workers start.
		Handler:      func(ctx *fasthttp.RequestCtx) { a.api.Handler(ctx) },
		PanicHandler: func(ctx *fasthttp.RequestCtx) { a.api.PanicHandler(ctx) },
		ConfigureServer: func(s *fasthttp.Server) {
			s.ErrorHandler = func(ctx *fasthttp.RequestCtx, err error) { a.api.ErrorHandler(ctx, err) }
			s.ExpectHandler = func(ctx *fasthttp.RequestCtx) int { return a.api.ExpectHandler(ctx) }
			s.ReadTimeout, s.IdleTimeout = c.ReadTimeout, c.IdleTimeout
			s.MaxRequestBodySize = int(c.MaxBodyBytes)
			s.ReadBufferSize = int(c.MaxHeaderBytes)
			s.StreamRequestBody = true // handlers charge bodies to the memory budget
			s.DisablePreParseMultipartForm = true
			s.NoDefaultServerHeader, s.LazyRequestTime, s.SecureErrorLogMessage = true, true, true
			s.Logger = discardLogger{}
		},
		Host: c.Host, Port: c.Port, Inherited: inheritedSockets(), Workers: c.Workers,
		Restart:  cluster.Restart{MinUptime: c.WorkerMinUptime, MaxRestarts: c.WorkerMaxRestarts, Window: c.WorkerRestartWindow},
		Watchdog: cluster.Watchdog{StallAfter: c.WorkerStallAfter, MaxAbandoned: c.WorkerAbandonLimit},
		Limits: cluster.Limits{
			MaxConns: c.MaxConnections, MaxConnsPerAddr: c.MaxConnectionsPerAddress,
			Exempt: func(addr netip.Addr) bool {
				return slices.ContainsFunc(c.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
			},
		},
		Shutdown:     cluster.Shutdown{Delay: c.ShutdownDelay, Spread: c.ShutdownSpread, Timeout: c.ShutdownTimeout},
		WriteTimeout: c.WriteTimeout,
		// Chunks of a few bytes are larger than what they carry, but no client sends
		// a large body in them.
		MaxRequestBytes: int(c.MaxHeaderBytes) + 2*int(max(c.MaxBodyBytes, c.MaxPayload)) + 64<<10,
		Observe:         a.observe(newObserver(a.log, a.metrics)),
	}
	if a.certificate != nil {
		o.TLS = a.certificate.config()
	}
	return o
}

// observe returns the event hook of the cluster.
func (a *App) observe(o *observer) func(cluster.Event) {
	return func(e cluster.Event) {
		o.observe(e)
		if step, ok := e.(cluster.ShutdownStep); ok {
			a.api.EndWaits()
			a.sessions.onShutdownStep(step)
		}
	}
}
