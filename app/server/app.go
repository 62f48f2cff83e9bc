package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/config"
	"smart-factory-backend/app/control"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/observe/health"
	"smart-factory-backend/app/observe/metrics"
	"smart-factory-backend/app/plant"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Build identifies the build of the binary.
type Build struct{ Version, Commit string }

// Options are the dependencies of New besides the configuration. All are mandatory.
type Options struct {
	Build Build
	// Log receives all log records. Level is its level, which a reload changes.
	Log   *slog.Logger
	Level *slog.LevelVar
	// LogLinesLost, if set, returns how many log records could not be written.
	LogLinesLost func() uint64
	// Load reads the configuration for a reload.
	Load func() (config.Config, error)
}

// App is the server process: its listening sockets, store, sessions and API. It is
// made by New and run once.
type App struct {
	options Options
	log     *slog.Logger
	started time.Time

	config config.Config // of the start; immutable

	reloadMu sync.Mutex
	reloaded config.Config // with the values of the last reload

	quota       *quota
	keys        *access.Keys
	certificate *certificate // nil without TLS
	metrics     *metrics.Set
	health      *health.Registry
	supervisor  *cluster.Supervisor
	store       factory.Store
	feed        *plant.Feed // the store, too
	alarms      *plant.Alarms
	states      *plant.StateWatch
	oee         *plant.OEE
	sessions    *sessions
	api         *api.API
	control     *control.Server
	refusals    *refusals
	admin       *admin // nil if ADMIN_ADDR is empty
	background  *background
	storeOpen   chan struct{} // closed once the store is open
	engine      factory.Store // without what plant adds
	texts       *plant.TextStore
	lineNaming  *lineNaming

	sessionPanics *metrics.Counter

	// opened is set when all fields above are set.
	opened atomic.Bool
}

// New creates the parts that need no external resources. It opens and starts nothing.
func New(c config.Config, o Options) (*App, error) {
	list, err := access.Parse(c.APIKeys.Reveal(), 1)
	if err != nil {
		return nil, fmt.Errorf("API_KEYS: %w", err)
	}
	a := &App{
		options: o, log: o.Log, started: time.Now(), config: c, reloaded: c,
		quota: &quota{log: o.Log}, keys: access.NewKeys(list), metrics: metrics.New(), storeOpen: make(chan struct{}),
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

// Reload re-reads the configuration, applies the variables that may change at run
// time and recycles the workers; errors are logged. It may be called concurrently.
// It does nothing until Run has opened the server.
func (a *App) Reload(ctx context.Context) {
	if !a.opened.Load() {
		return
	}
	notify(a.log, reloadingMessage())
	defer notify(a.log, daemon.SdNotifyReady)
	if _, err := (controlHandler{a}).Reload(ctx); err != nil {
		attrs := []any{slog.String(keyError, err.Error())}
		if link := See(err); link != "" {
			attrs = append(attrs, slog.String(keySee, link))
		}
		a.log.Error("reload failed", attrs...)
	}
}
