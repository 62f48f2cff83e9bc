package server

import (
	"log/slog"
	"sync"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/plant"
)

// newAlarms returns what judges the alarm rules. engine stores texts as codes, store
// as texts.
func (a *App) newAlarms(engine, store factory.Store) *plant.Alarms {
	now := func() int64 { return time.Now().UnixMilli() }
	failures := &failures{warn: func(err error, suppressed int) {
		a.log.Warn("alarms not judged, trying again", slog.String(keyError, err.Error()), slog.Int(keyRepeated, suppressed), see("alarms-not-judged"))
	}}
	return plant.NewAlarms(plant.AlarmOptions{
		Store: engine, Timelines: plant.NewTimelines(store, now), Alone: store.Stats().Engine == "sqlite", Now: now,
		Failed: failures.observe,
	})
}

// newStateWatch returns what follows the states of the machines in store.
func (a *App) newStateWatch(store factory.Store) *plant.StateWatch {
	failures := &failures{warn: func(err error, suppressed int) {
		a.log.Warn("state of a machine not determined, trying again", slog.String(keyError, err.Error()), slog.Int(keyRepeated, suppressed), see("state-not-determined"))
	}}
	return plant.NewStateWatch(store, func() int64 { return time.Now().UnixMilli() }, failures.observe)
}

// failures logs that something has failed, once per refusalInterval. It may be used
// concurrently.
type failures struct {
	warn       func(err error, suppressed int)
	mu         sync.Mutex
	loggedAt   time.Time
	suppressed int
}

func (f *failures) observe(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.loggedAt) >= refusalInterval {
		f.warn(err, f.suppressed)
		f.loggedAt, f.suppressed = now, 0
	} else {
		f.suppressed++
	}
}
