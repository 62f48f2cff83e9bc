package server

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/control"
)

// controlHandler implements the commands of the control socket.
type controlHandler struct{ app *App }

// Status returns the state of the process.
func (o controlHandler) Status(context.Context) (control.Status, error) {
	a := o.app
	cl, err := a.supervisor.Status()
	if err != nil {
		return control.Status{}, err
	}
	state := "running"
	if cl.Draining {
		state = "draining"
	}
	stats := a.store.Stats()
	streams := a.sessions.live.Stats().Sessions["sse"]
	st := control.Status{
		PID: os.Getpid(), Version: a.options.Build.Version, Commit: a.options.Build.Commit,
		StartedAt: a.started.UnixMilli(), UptimeS: time.Since(a.started).Seconds(),
		Environment: a.config.Environment, Address: a.supervisor.Addr().String(),
		GOMAXPROCS: runtime.GOMAXPROCS(0), CPUQuota: a.quota.CPUs(),
		WorkersWanted: cl.Wanted, State: state,
		DrainingGenerations: cl.DrainingGenerations, AbandonedGenerations: cl.AbandonedGenerations,
		WebSockets: max(cl.Sessions-streams, 0), EventStreams: streams,
		Store: control.Store{
			Engine: stats.Engine, Series: stats.Series, Points: stats.Points,
			Queued: stats.QueuedReadings, Bytes: stats.Bytes, Ready: a.store.Ready() == nil,
		},
		Memory:   memory(),
		LogLevel: strings.ToLower(a.options.Level.Level().String()),
	}
	for _, w := range cl.Workers {
		st.Workers = append(st.Workers, control.Worker{
			ID: w.ID, Generation: w.Generation, State: string(w.State), UptimeS: w.Uptime.Seconds(),
			Restarts: w.Restarts, Panics: w.Panics, Connections: w.Conns, InFlight: w.InFlight,
			RequestsTotal: w.Requests, AdoptedBy: w.AdoptedBy,
		})
	}
	return st, nil
}

// Reload re-reads the configuration and recycles the workers.
func (o controlHandler) Reload(context.Context) (control.ReloadResult, error) {
	changed, err := o.app.reloadConfig()
	if err != nil {
		return control.ReloadResult{}, err
	}
	if o.app.quota.apply() {
		o.app.resizeWorkers()
	}
	o.app.log.Info("configuration read again", slog.Any(keyChanged, changed))
	recycled, err := o.app.supervisor.Reload()
	return control.ReloadResult{Recycled: recycled, Changed: changed}, err
}

// Scale changes the number of workers.
func (o controlHandler) Scale(_ context.Context, n int) (control.ScaleResult, error) {
	before, err := o.app.supervisor.Status()
	if err != nil {
		return control.ScaleResult{}, err
	}
	now, capped, err := o.app.supervisor.Scale(n)
	result := control.ScaleResult{From: before.Wanted, To: now}
	if capped {
		result.Note = fmt.Sprintf("%d is more than GOMAXPROCS, which is %d; set GOMAXPROCS to raise both", n, runtime.GOMAXPROCS(0))
	}
	return result, err
}

// memory returns the memory use and the limit of the process.
func memory() control.Memory {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(samples)
	m := control.Memory{Heap: samples[0].Value.Uint64()}
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		m.Limit = uint64(limit)
	}
	statm, err := os.ReadFile("/proc/self/statm") // proc(5): size, resident, … in pages
	if fields := strings.Fields(string(statm)); err == nil && len(fields) > 1 {
		if pages, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
			m.RSS = pages * uint64(os.Getpagesize())
		}
	}
	return m
}

// reloadConfig reads the configuration again and puts the part of it into force
// that may change while the server runs. It returns the names of the variables
// that differed. If any value is invalid, nothing changes.
func (a *App) reloadConfig() (changed []string, err error) {
	next, err := a.options.Load()
	if err != nil {
		return nil, fmt.Errorf("configuration not reloaded: %w", err)
	}
	keys, err := access.Parse(next.APIKeys.Reveal(), 1)
	if err != nil {
		return nil, fmt.Errorf("configuration not reloaded: API_KEYS: %w", err)
	}
	origins, err := access.ParseOrigins(next.AllowedOrigins)
	if err != nil {
		return nil, fmt.Errorf("configuration not reloaded: ALLOWED_ORIGINS: %w", err)
	}
	a.reloadMu.Lock()
	defer a.reloadMu.Unlock()
	if a.certificate != nil {
		replaced, err := a.certificate.load()
		if err != nil {
			return nil, fmt.Errorf("configuration not reloaded: %w", err)
		}
		if replaced {
			changed = append(changed, "TLS_CERT_FILE")
		}
	}
	current := &a.reloaded
	if next.APIKeys.Reveal() != current.APIKeys.Reveal() {
		a.keys.Replace(keys)
		a.sessions.live.CloseRevoked()
		changed = append(changed, "API_KEYS")
	}
	if next.LogLevel != current.LogLevel {
		a.options.Level.Set(next.LogLevel)
		changed = append(changed, "LOG_LEVEL")
	}
	if !slices.Equal(next.AllowedOrigins, current.AllowedOrigins) {
		a.api.SetAllowedOrigins(origins)
		changed = append(changed, "ALLOWED_ORIGINS")
	}
	current.APIKeys, current.LogLevel, current.AllowedOrigins = next.APIKeys, next.LogLevel, next.AllowedOrigins
	return changed, nil
}
