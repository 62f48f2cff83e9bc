package health_test

import (
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/observe/health"
)

// fixture is a registry whose workers, drain state and clock the test controls.
type fixture struct {
	*health.Registry
	running, total atomic.Int64
	draining       atomic.Bool
	elapsed        atomic.Int64 // nanoseconds
}

// newFixture returns a started registry with two of two workers running.
func newFixture() *fixture {
	f := &fixture{}
	f.running.Store(2)
	f.total.Store(2)
	f.Registry = health.New(f, f.now)
	f.SetStarted()
	return f
}

func (f *fixture) Workers() (running, total int) { return int(f.running.Load()), int(f.total.Load()) }
func (f *fixture) Draining() bool                { return f.draining.Load() }
func (f *fixture) now() time.Time                { return time.Unix(1_790_000_000, f.elapsed.Load()) }
func (f *fixture) advance(d time.Duration)       { f.elapsed.Add(int64(d)) }

// publicBody is the union of the public response bodies.
type publicBody struct {
	Status  string
	Workers struct{ Running, Total int }
	Checks  map[string]string
}

func decode(t *testing.T, body []byte) publicBody {
	t.Helper()
	var p publicBody
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("body %s: %v", body, err)
	}
	return p
}

// secret is the text of the error that failing checks return.
const secret = "dial tcp 10.0.0.7:5432: password of operator refused"

func passing() error   { return nil }
func failing() error   { return errors.New(secret) }
func panicking() error { panic(secret) }
