package server

import (
	"log/slog"
	"sync"
	"time"

	"smart-factory-backend/app/api"
	"smart-factory-backend/app/observe/metrics"
)

// refusalInterval is how often a kind of refusal is logged at the most.
const refusalInterval = time.Minute

// refusals counts the requests that the API refuses for their origin, host or key,
// and logs each kind once per interval. It may be used concurrently.
type refusals struct {
	log  *slog.Logger
	now  func() time.Time
	kind map[string]*refusalKind // read-only
}

type refusalKind struct {
	message, attribute, section string
	count                       *metrics.Counter

	mu         sync.Mutex
	loggedAt   time.Time
	suppressed int
}

func newRefusals(log *slog.Logger, set *metrics.Set) *refusals {
	r := &refusals{log: log, now: time.Now, kind: map[string]*refusalKind{
		api.RefusedOrigin: {message: "page refused", attribute: keyOrigin, section: "origin-refused"},
		api.RefusedHost:   {message: "host refused", attribute: keyHost, section: "origin-refused"},
		api.RefusedKey:    {message: "wrong API key", attribute: keyAddress, section: "key-refused"},
		api.RefusedHeader: {message: "request header too large", attribute: keyAddress, section: "header-refused"},
	}}
	for name, kind := range r.kind {
		kind.count = set.Counter("smartfactory_refused_total", "reason", name)
	}
	return r
}

// observe is the OnRefusal of the API.
func (r *refusals) observe(kind, value string) {
	k := r.kind[kind]
	k.count.Inc()
	k.mu.Lock()
	defer k.mu.Unlock()
	now := r.now()
	if now.Sub(k.loggedAt) < refusalInterval {
		k.suppressed++
		return
	}
	const most = 200
	r.log.Warn(k.message, //nolint:sloglint // one of the constants above
		slog.String(k.attribute, value[:min(len(value), most)]), slog.Int(keyRepeated, k.suppressed), see(k.section))
	k.loggedAt, k.suppressed = now, 0
}
