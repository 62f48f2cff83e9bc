package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/control"
	"smart-factory-backend/app/observe/health"
	"smart-factory-backend/app/observe/metrics"
	"smart-factory-backend/app/plant"
)

// Run serves until ctx ends, then drains and closes everything. It returns nil after
// an orderly shutdown and an error that wraps cluster.ErrGaveUp if the workers could
// not be kept running. Any other error means that the server could not start; all
// resources are released then.
func (a *App) Run(ctx context.Context) (err error) {
	a.quota.apply()
	if err := a.open(ctx); err != nil {
		return err
	}
	a.opened.Store(true)
	limitCrashes(a.config.DataDir, a.log) // after open: the lock of the store guards the directory
	a.warnAboutOpenFiles()
	// The control socket and the admin port outlive ctx and the sessions.
	outer, stop := context.WithCancel(context.WithoutCancel(ctx))
	ctx, giveUp := context.WithCancelCause(ctx)
	var reporting, sessionsTask sync.WaitGroup
	sessionsCtx, endSessions := context.WithCancel(outer)
	defer func() {
		endSessions()
		sessionsTask.Wait()
		err = errors.Join(err, a.step("store closed", a.store.Close))
		_ = a.step("control socket and admin port closed", func() error {
			stop()
			a.background.wait()
			reporting.Wait()
			return nil
		})
		giveUp(nil)
	}()
	sessionsTask.Go(func() { a.sessions.run(sessionsCtx, giveUp) })
	if w, waits := a.engine.(*waitingStore); waits {
		reporting.Go(func() { a.waitForStore(ctx, w, giveUp) })
	} else {
		close(a.storeOpen)
	}
	a.background.run(outer, "control socket", a.control.Run, nil)
	if a.admin != nil {
		a.background.run(outer, "admin port", a.admin.run, nil)
	}
	a.background.run(sessionsCtx, "journal feed", a.feed.Run, nil)
	a.background.run(sessionsCtx, "alarms", a.alarms.Run, nil)
	a.background.run(sessionsCtx, "states", a.states.Run, nil)
	if sender := a.newOutbox(a.store); sender != nil {
		a.background.run(sessionsCtx, "outbox", sender.Run, nil)
	}
	a.background.run(sessionsCtx, "live OEE", plant.NewLiveOEE(a.oee).Run, nil)
	a.background.run(outer, "CPU quota", func(ctx context.Context) error { return a.quota.run(ctx, a.resizeWorkers) }, nil)
	a.background.run(outer, "systemd watchdog", func(ctx context.Context) error { return feedWatchdog(ctx, a.log, a.alive) }, nil)
	reporting.Go(func() { a.reportState(ctx, outer) })
	a.health.SetStarted() // a probe that arrives has been accepted by a worker
	err = a.supervisor.Run(ctx)
	var failed *startFailure
	if cause := context.Cause(ctx); errors.Is(cause, cluster.ErrGaveUp) || errors.As(cause, &failed) {
		err = errors.Join(err, cause)
	}
	return err
}

// step runs and logs one step of the shutdown. Its error does not stop later steps.
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

// open listens on the port, opens the store, and makes everything that needs them. If
// it fails, it releases what it has opened.
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
	a.engine = a.store
	a.lineNaming = &lineNaming{config: a.config, log: a.log, store: a.engine}
	if _, waits := a.engine.(*waitingStore); !waits {
		a.lineNaming.begin(ctx, a.engine)
	}
	a.texts = plant.NewTextStore(a.store)
	a.store = a.texts
	if err = a.openOnStore(); err != nil { //nolint:contextcheck // claiming a local socket does not wait
		return errors.Join(err, a.store.Close())
	}
	return nil
}

// openOnStore makes the parts that need the store and the supervisor.
func (a *App) openOnStore() (err error) {
	a.health = health.New(a.supervisor, a.supervisor.Now)
	a.health.Add("store", health.Readiness, a.store.Ready)
	a.background = newBackground(a.log, a.metrics, a.health)
	stats := a.store.Stats
	a.health.Add("stored_data", health.Advisory, func() error { return checkIntegrity(stats()) })
	if a.sessions, err = a.newSessions(a.store); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			a.sessions.loop.Close()
		}
	}()
	if a.sessions.broker != nil {
		// Every replica serves its own clients without Redis, which all replicas
		// share: if it failed readiness, no replica would be left.
		a.health.Add("redis", health.Advisory, a.sessions.redisErr)
	}
	a.alarms = a.newAlarms(a.engine, a.store)
	a.states = a.newStateWatch(a.store)
	a.feed = plant.NewFeed(a.store, a.sessions.live, a.alarms, a.states)
	a.feed.Follow(a.states, plant.NewCurrent(a.store, a.sessions.live.Publish), plant.NewAlarmNotifier(a.store, a.sessions.live.Publish))
	a.store = a.feed
	a.oee = plant.NewOEE(a.store, func() int64 { return time.Now().UnixMilli() })
	a.registerMetrics()
	a.sessions.registerMetrics()
	a.refusals = newRefusals(a.log, a.metrics)
	if a.api, err = a.newAPI(); err != nil {
		return err
	}
	if a.config.AdminAddr != "" {
		hosts, err := a.allowedHosts()
		if err != nil {
			return err
		}
		mayWait := a.config.IsDefault("ADMIN_ADDR")
		pages := onlyFor(hosts, a.refusals.observe, metrics.AdminHandler(a.metrics, a.health.Detail))
		if a.admin, err = newAdmin(a.config.AdminAddr, mayWait, pages, a.log); err != nil {
			return err
		}
	}
	socket := a.config.ControlSocketFor(a.port())
	a.control = control.NewServer(socket, controlHandler{a})
	a.control.ErrorLog = slog.NewLogLogger(a.log.Handler(), slog.LevelError)
	if err := a.control.Listen(); err != nil {
		a.admin.close()
		return &sectionError{fmt.Errorf("control socket: %w", explainDenied(err, filepath.Dir(socket))), "control-socket"}
	}
	return nil
}

// reportState logs when the server is ready and when it begins to shut down, and
// notifies systemd.
func (a *App) reportState(ctx, outer context.Context) {
	select {
	case <-a.supervisor.Ready():
	case <-outer.Done():
		return
	}
	notify(a.log, daemon.SdNotifyReady) // also while the store is waited for: the process works
	select {
	case <-a.storeOpen:
		_, workers := a.supervisor.Workers()
		a.log.Info("ready",
			slog.String(keyAddress, a.supervisor.Addr().String()), slog.Int(keyWorkers, workers),
			slog.String(keyVersion, a.options.Build.Version), a.storeLocation(),
			slog.Duration(keyDuration, time.Since(a.started)), slog.String(keyURL, urlOf(a.supervisor.Addr(), a.config.TLS())))
	case <-ctx.Done():
	case <-outer.Done():
	}
	select {
	case <-ctx.Done():
		a.log.Info("shutdown began")
	case <-outer.Done(): // the supervisor has given up
	}
	notify(a.log, daemon.SdNotifyStopping)
}

// urlOf returns the URL at which a browser on this computer can open a server that
// listens on address.
func urlOf(address net.Addr, tls bool) string {
	u := url.URL{Scheme: "http", Host: address.String()}
	if tls {
		u.Scheme = "https"
	}
	if addr, ok := address.(*net.TCPAddr); ok && (addr.IP == nil || addr.IP.IsUnspecified()) {
		u.Host = net.JoinHostPort("localhost", strconv.Itoa(addr.Port))
	}
	return u.String()
}

// alive reports whether systemd's watchdog is to be fed. It equals the liveness probe.
func (a *App) alive() bool {
	_, ok := a.health.Live()
	return ok
}

// resizeWorkers adapts the number of workers to a changed GOMAXPROCS.
func (a *App) resizeWorkers() {
	if err := a.supervisor.Resize(); err != nil && !errors.Is(err, cluster.ErrStopped) {
		a.log.Error("workers not resized", slog.String(keyError, err.Error()))
	}
}

// port returns the port of the listening sockets.
func (a *App) port() int {
	if addr, ok := a.supervisor.Addr().(*net.TCPAddr); ok {
		return addr.Port
	}
	return a.config.Port
}
