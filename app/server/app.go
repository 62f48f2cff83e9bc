package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/config"
	"smart-factory-backend/app/control"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live"
	"smart-factory-backend/app/observe/health"
	"smart-factory-backend/app/observe/metrics"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/valyala/fasthttp"
)

// Build says what the binary was made from.
type Build struct{ Version, Commit string }

// Options are what New needs besides the configuration.
type Options struct {
	Build Build
	// Log takes everything that is logged; Level is the one that it follows,
	// changed by a reload.
	Log   *slog.Logger
	Level *slog.LevelVar
	// Load reads the configuration again, for a reload.
	Load func() (config.Config, error)
}

// App is one process of the product. It is made by New and run once.
type App struct {
	options Options
	log     *slog.Logger
	started time.Time

	config config.Config // as it was at the start

	reloadMu sync.Mutex
	reloaded config.Config // the configuration of the last reload, or config

	quota       *quota
	keys        *access.Keys
	certificate *certificate // nil without TLS
	metrics     *metrics.Set
	health      *health.Registry
	supervisor  *cluster.Supervisor
	store       factory.Store
	sessions    *sessions
	api         *api.API
	control     *control.Server
	admin       *admin // nil where it is switched off

	sessionPanics *metrics.Counter

	// opened says that everything above is there.
	opened atomic.Bool
}

// New wires the parts that need nothing from outside. It opens and starts
// nothing.
func New(c config.Config, o Options) (*App, error) {
	list, err := access.Parse(c.APIKeys.Reveal())
	if err != nil {
		return nil, fmt.Errorf("API_KEYS: %w", err)
	}
	a := &App{
		options: o, log: o.Log, started: time.Now(), config: c, reloaded: c,
		quota: &quota{log: o.Log}, keys: access.NewKeys(list), metrics: metrics.New(),
	}
	a.sessionPanics = a.metrics.Counter("smartfactory_panics_total", "place", "session")
	if c.TLS() {
		a.certificate = &certificate{certFile: c.TLSCertFile, keyFile: c.TLSKeyFile}
		if _, err := a.certificate.load(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Run serves until ctx ends, then drains and closes everything. The error is
// nil after an orderly end and wraps cluster.ErrGaveUp when the workers could
// not be kept alive; any other means that it could not start.
func (a *App) Run(ctx context.Context) (err error) {
	a.quota.follow()
	if err := a.open(ctx); err != nil {
		return err
	}
	a.opened.Store(true)
	guardProcess(a.config.DataDir, a.log) // the store's lock says that the directory is ours
	// What serves the operator lives until the very end, whatever ends ctx.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var helpers sync.WaitGroup
	var serving sync.WaitGroup
	moving, endSessions := context.WithCancel(background)
	defer func() {
		endSessions()
		serving.Wait()
		err = errors.Join(err, a.step("store closed", a.store.Close))
		_ = a.step("operator's sockets closed", func() error {
			stop()
			helpers.Wait()
			return nil
		})
	}()
	serving.Go(func() { a.sessions.run(moving) })
	helpers.Go(func() { a.serveControl(background) })
	if a.admin != nil {
		helpers.Go(func() { a.admin.run(background) })
	}
	helpers.Go(func() { a.quota.run(background, a.followQuota) })
	helpers.Go(func() { feedWatchdog(background, a.log, a.alive) })
	helpers.Go(func() { a.announce(ctx, background) })
	a.health.SetStarted() // whoever can ask is served by a worker
	return a.supervisor.Run(ctx)
}

// step does one step of the end and logs it; a failure does not skip the next.
func (a *App) step(name string, do func() error) error {
	begin := time.Now()
	err := do()
	attrs := []any{slog.String(keyStep, name), slog.Duration(keyDuration, time.Since(begin))}
	if err != nil {
		a.log.Error("shutdown step failed", append(attrs, slog.String(keyError, err.Error()))...)
		return fmt.Errorf("%s: %w", name, err)
	}
	a.log.Info("shutdown step", attrs...)
	return nil
}

// open claims the port, the store and the operator's sockets, in that order. If
// it fails, it releases what it has claimed.
func (a *App) open(ctx context.Context) (err error) {
	if a.supervisor, err = cluster.New(a.clusterOptions()); err != nil { //nolint:contextcheck // events have no context
		return err
	}
	defer func() {
		if err != nil {
			_ = a.supervisor.Close()
		}
	}()
	if err = a.supervisor.Listen(ctx); err != nil {
		return err
	}
	if a.store, err = a.openStore(ctx); err != nil {
		return err
	}
	if err = a.assemble(); err != nil { //nolint:contextcheck // claiming a local socket does not wait
		return errors.Join(err, a.store.Close())
	}
	return nil
}

// assemble makes what stands on the store and the supervisor.
func (a *App) assemble() (err error) {
	a.health = health.New(a.supervisor, a.supervisor.Now)
	a.health.Add("store", health.Readiness, a.store.Ready)
	stats := a.store.Stats
	a.health.Add("stored_data", health.Advisory, func() error { return intact(stats()) })
	if a.sessions, err = a.newSessions(a.store); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			a.sessions.loop.Close()
		}
	}()
	if a.sessions.broker != nil {
		a.health.Add("redis", health.Readiness, a.sessions.ready)
	}
	a.store = live.NewStore(a.store, a.sessions.show)
	a.describe()
	a.sessions.describeSessions()
	if a.api, err = a.newAPI(); err != nil {
		return err
	}
	if a.config.AdminAddr != "" {
		if a.admin, err = listenAdmin(a.config.AdminAddr, metrics.AdminHandler(a.metrics, a.health.Detail), a.log); err != nil {
			return err
		}
	}
	a.control = control.NewServer(a.config.ControlSocketFor(a.port()), operator{a})
	a.control.ErrorLog = slog.NewLogLogger(a.log.Handler(), slog.LevelError)
	if err := a.control.Listen(); err != nil {
		a.admin.close()
		return &sectionError{fmt.Errorf("control socket: %w", err), "control-socket"}
	}
	return nil
}

func (a *App) newAPI() (*api.API, error) {
	c := a.config
	var faulty map[string]fasthttp.RequestHandler
	if c.FaultInjection {
		faulty = a.sessions.faults()
		a.log.Warn("fault injection is on", slog.String(keyVariable, "FAULT_INJECTION"))
	}
	return api.New(api.Options{
		Store: a.store, Runtime: serving{}, Health: a.health, Metrics: a.metrics, Keys: a.keys,
		AllowedOrigins: c.AllowedOrigins, TrustedProxies: c.TrustedProxies,
		RateLimit: c.RateLimit, RateBurst: c.RateBurst, KeyRateLimit: c.KeyRateLimit,
		MaxBody: int(c.MaxBodyBytes), MaxDecompressed: int(c.MaxUnpackedBytes), MaxPoints: c.MaxPointsPerRequest,
		IngestTimeout: c.IngestTimeout, IngestMemory: ingestMemory(c),
		InfluxMachineTag: c.InfluxMachineTag, InfluxMeasurement: c.InfluxMeasurement(),
		ExternalRoutes: append(a.sessions.mounts(), manualRoutes()...), Faults: faulty,
	})
}

// ingestMemory is what the bodies at work may take: INGEST_MEMORY, in a small
// container no more than a quarter of its memory, but always one body.
func ingestMemory(c config.Config) int64 {
	return min(int64(c.IngestMemory), max(debug.SetMemoryLimit(-1)/4, int64(c.MaxBodyBytes)))
}

func (a *App) clusterOptions() cluster.Options {
	c := a.config
	o := cluster.Options{
		// The API is made after the port is claimed and before anybody serves.
		Handler:      func(ctx *fasthttp.RequestCtx) { a.api.Handler(ctx) },
		PanicHandler: func(ctx *fasthttp.RequestCtx) { a.api.PanicHandler(ctx) },
		ConfigureServer: func(s *fasthttp.Server) {
			s.ErrorHandler = func(ctx *fasthttp.RequestCtx, err error) { a.api.ErrorHandler(ctx, err) }
			s.ReadTimeout, s.IdleTimeout = c.ReadTimeout, c.IdleTimeout
			s.MaxRequestBodySize = int(c.MaxBodyBytes)
			s.ReadBufferSize = maxHeader
			s.StreamRequestBody = true // the body's memory is budgeted by its handler
			s.DisablePreParseMultipartForm = true
			s.NoDefaultServerHeader, s.LazyRequestTime, s.SecureErrorLogMessage = true, true, true
			s.Logger = discard{}
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
		Observe:      a.observe(newObserver(a.log, a.metrics)),
	}
	if a.certificate != nil {
		o.TLS = a.certificate.config()
	}
	return o
}

// observe hands on what the cluster reports.
func (a *App) observe(o *observer) func(cluster.Event) {
	return func(e cluster.Event) {
		o.observe(e)
		if step, ok := e.(cluster.ShutdownStep); ok {
			a.sessions.observe(step)
		}
	}
}

// maxHeader bounds the header of a request. It is also what each connection
// takes for reading: twice as much shows in the CPU time of each request.
const maxHeader = 4 << 10

// announce says when the process is ready and when it is ending.
func (a *App) announce(ctx, background context.Context) {
	select {
	case <-a.supervisor.Ready():
	case <-background.Done():
		return
	}
	_, workers := a.supervisor.Workers()
	a.log.Info("ready",
		slog.String(keyAddress, a.supervisor.Addr().String()), slog.Int(keyWorkers, workers),
		slog.String(keyVersion, a.options.Build.Version), a.whereStored(),
		slog.Duration(keyDuration, time.Since(a.started)))
	notify(a.log, daemon.SdNotifyReady)
	select {
	case <-ctx.Done():
		a.log.Info("shutdown began")
	case <-background.Done(): // the supervisor gave up
	}
	notify(a.log, daemon.SdNotifyStopping)
}

// alive is what the service manager's watchdog goes by: the same as liveness.
func (a *App) alive() bool {
	_, ok := a.health.Live()
	return ok
}

func (a *App) serveControl(ctx context.Context) {
	if err := a.control.Run(ctx); err != nil {
		a.log.Error("control socket failed", slog.String(keyError, err.Error()), see("control-socket"))
	}
}

// followQuota has the workers follow a GOMAXPROCS that changed.
func (a *App) followQuota() {
	if err := a.supervisor.Resize(); err != nil && !errors.Is(err, cluster.ErrStopped) {
		a.log.Error("workers not resized", slog.String(keyError, err.Error()))
	}
}

// Reload applies what may change while running and recycles the workers. It
// may be called at any time; before Run has opened everything it does nothing.
func (a *App) Reload(ctx context.Context) {
	if !a.opened.Load() {
		return
	}
	notify(a.log, reloading())
	defer notify(a.log, daemon.SdNotifyReady)
	if _, err := (operator{a}).Reload(ctx); err != nil {
		attrs := []any{slog.String(keyError, err.Error())}
		if link := See(err); link != "" {
			attrs = append(attrs, slog.String(keySee, link))
		}
		a.log.Error("reload failed", attrs...)
	}
}
