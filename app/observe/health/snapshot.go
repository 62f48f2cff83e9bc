package health

import (
	"encoding/json"
	"math"
	"time"
)

// state is compared at every probe, so that a change is shown at once.
type state struct {
	running, total    int
	draining, started bool
}

// snapshot is the health at one moment with the rendered bodies. It is immutable.
type snapshot struct {
	state
	at      time.Time
	uptime  time.Duration
	checks  []check
	results []error // by index of checks

	alive, isReady, isStarted bool
	status                    string
	live, ready, startup      []byte
}

// fresh reports whether s can still be served. A nil snapshot is never fresh.
func (s *snapshot) fresh(now state, at time.Time) bool {
	if s == nil || s.state != now {
		return false
	}
	age := at.Sub(s.at)
	return age >= 0 && age < refreshAfter
}

// Status values of the public bodies.
const (
	statusOK          = "ok"
	statusDegraded    = "degraded"
	statusDown        = "down"
	statusReady       = "ready"
	statusStarted     = "started"
	statusStarting    = "starting"
	statusDraining    = "draining"
	statusUnavailable = "unavailable"
	statusFailing     = "failing"
)

type workersBody struct {
	Running int `json:"running"`
	Total   int `json:"total"`
}

type liveBody struct {
	Status  string            `json:"status"`
	Workers workersBody       `json:"workers"`
	UptimeS float64           `json:"uptime_s"`
	Checks  map[string]string `json:"checks"`
}

type probeBody struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks"`
}

// render makes the snapshot of a state and of the check results.
func (r *Registry) render(now state, at time.Time, answers []error) *snapshot {
	s := &snapshot{state: now, at: at, uptime: at.Sub(r.startedAt), checks: r.checks, results: answers}
	s.alive = (s.running > 0 || s.draining) && !s.fails(Liveness)
	s.isStarted = s.started && !s.fails(Startup)
	s.isReady = s.started && !s.draining && !s.fails(Readiness)
	s.status = s.liveStatus()

	s.live = encode(liveBody{
		Status: s.status, Workers: workersBody{s.running, s.total}, UptimeS: s.uptimeSeconds(),
		Checks: s.checkStatuses(Startup, Liveness, Readiness, Advisory),
	})
	s.ready = encode(probeBody{Status: s.readyStatus(), Checks: s.checkStatuses(Readiness)})
	s.startup = encode(probeBody{Status: s.startupStatus(), Checks: s.checkStatuses(Startup)})
	return s
}

func (s *snapshot) liveStatus() string {
	switch {
	case !s.alive:
		return statusDown
	case s.isReady && s.isStarted && s.running >= s.total && !s.fails(Advisory):
		return statusOK
	}
	return statusDegraded
}

func (s *snapshot) readyStatus() string {
	switch {
	case s.isReady:
		return statusReady
	case s.draining:
		return statusDraining
	case !s.started:
		return statusStarting
	}
	return statusUnavailable
}

func (s *snapshot) startupStatus() string {
	if s.isStarted {
		return statusStarted
	}
	return statusStarting
}

// fails reports whether any check of the kind has failed.
func (s *snapshot) fails(kind Kind) bool {
	for i, c := range s.checks {
		if c.kind == kind && s.results[i] != nil {
			return true
		}
	}
	return false
}

// checkStatuses returns the public status of the checks of the given kinds,
// without error texts.
func (s *snapshot) checkStatuses(kinds ...Kind) map[string]string {
	statuses := make(map[string]string, len(s.checks))
	for i, c := range s.checks {
		for _, kind := range kinds {
			if c.kind == kind {
				statuses[c.name] = checkStatus(s.results[i])
			}
		}
	}
	return statuses
}

func checkStatus(err error) string {
	if err != nil {
		return statusFailing
	}
	return statusOK
}

// uptimeSeconds returns the uptime, rounded to a tenth of a second.
func (s *snapshot) uptimeSeconds() float64 {
	return math.Round(s.uptime.Seconds()*10) / 10
}

// encode cannot fail: the bodies hold only strings and finite numbers.
func encode(body any) []byte {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return b
}
