package server

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.uber.org/automaxprocs/maxprocs"
)

// quotaEvery is how often the container's limits are read again: it may be
// resized in place.
const quotaEvery = 30 * time.Second

// quota keeps GOMAXPROCS and GOMEMLIMIT at what the container allows.
type quota struct {
	log *slog.Logger
	// cpus is the CPU quota; see CPUs.
	cpus atomic.Pointer[float64]
}

// follow reads the limits and reports whether GOMAXPROCS changed. What the
// environment sets (GOMAXPROCS, GOMEMLIMIT) stays.
func (q *quota) follow() bool {
	before := runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		q.followCPUs()
	}
	if _, err := memlimit.Set(memlimit.WithLogger(slog.New(slog.DiscardHandler))); err != nil {
		q.log.Debug("no memory limit", slog.String(keyError, err.Error()))
	}
	after := runtime.GOMAXPROCS(0)
	if after != before {
		q.log.Info("GOMAXPROCS changed", slog.Int(keyGOMAXPROCS, after), slog.Float64(keyQuota, q.CPUs()))
	}
	return after != before
}

func (q *quota) followCPUs() {
	var found float64
	_, err := maxprocs.Set(maxprocs.RoundQuotaFunc(func(v float64) int {
		found = v
		return int(v)
	}))
	if err != nil {
		q.log.Debug("no CPU quota", slog.String(keyError, err.Error()))
	}
	if found == 0 && q.CPUs() != 0 {
		runtime.SetDefaultGOMAXPROCS() // the quota was lifted; automaxprocs would leave the old number
	}
	q.cpus.Store(&found)
}

// CPUs returns the CPU quota, 0 if there is none or it was not looked for.
func (q *quota) CPUs() float64 {
	if v := q.cpus.Load(); v != nil {
		return *v
	}
	return 0
}

// run follows the limits until ctx ends, and calls changed after each change
// of GOMAXPROCS.
func (q *quota) run(ctx context.Context, changed func()) {
	tick := time.NewTicker(quotaEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if q.follow() {
				changed()
			}
		}
	}
}
