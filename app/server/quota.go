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

// quotaInterval is how often the limits of the container are read again, since a
// container can be resized in place.
const quotaInterval = 30 * time.Second

// quota sets GOMAXPROCS and GOMEMLIMIT to the limits of the container.
type quota struct {
	log *slog.Logger
	// cpus is the CPU quota; see CPUs.
	cpus atomic.Pointer[float64]
}

// apply reads the limits and reports whether GOMAXPROCS changed. GOMAXPROCS and
// GOMEMLIMIT in the environment take precedence.
func (q *quota) apply() bool {
	before := runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		q.applyCPUs()
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

func (q *quota) applyCPUs() {
	var found float64
	_, err := maxprocs.Set(maxprocs.RoundQuotaFunc(func(v float64) int {
		found = v
		return int(v)
	}))
	if err != nil {
		q.log.Debug("no CPU quota", slog.String(keyError, err.Error()))
	}
	if found == 0 && q.CPUs() != 0 {
		runtime.SetDefaultGOMAXPROCS() // automaxprocs keeps the old number when a quota is removed
	}
	q.cpus.Store(&found)
}

// CPUs returns the CPU quota, or 0 if there is none.
func (q *quota) CPUs() float64 {
	if v := q.cpus.Load(); v != nil {
		return *v
	}
	return 0
}

// run applies the limits every quotaInterval until ctx ends, and calls changed after
// each change of GOMAXPROCS.
func (q *quota) run(ctx context.Context, changed func()) error {
	tick := time.NewTicker(quotaInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if q.apply() {
				changed()
			}
		}
	}
}
