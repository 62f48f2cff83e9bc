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
	return plant.NewAlarms(plant.AlarmOptions{
		Store: engine, Timelines: plant.NewTimelines(store, now), Alone: store.Stats().Engine == "sqlite", Now: now,
		Failed: (&alarmFailures{log: a.log}).observe,
	})
}

// alarmFailures logs that alarms could not be judged, once per refusalInterval. It may
// be used concurrently.
type alarmFailures struct {
	log        *slog.Logger
	mu         sync.Mutex
	loggedAt   time.Time
	suppressed int
}

func (f *alarmFailures) observe(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.loggedAt) >= refusalInterval {
		f.log.Warn("alarms not judged, trying again", slog.String(keyError, err.Error()), slog.Int(keyRepeated, f.suppressed), see("alarms-not-judged"))
		f.loggedAt, f.suppressed = now, 0
	} else {
		f.suppressed++
	}
}
