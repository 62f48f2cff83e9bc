package health_test

import (
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"smart-factory-backend/app/observe/health"
)

// plant is a registry with all that it looks at, under a test's control.
type plant struct {
	*health.Registry
	running, total atomic.Int64
	draining       atomic.Bool
	elapsed        atomic.Int64 // nanoseconds
}

// newPlant returns a plant whose two workers run and whose start is complete.
func newPlant() *plant {
	p := &plant{}
	p.running.Store(2)
	p.total.Store(2)
	p.Registry = health.New(p, p.now)
	p.SetStarted()
	return p
}

func (p *plant) Workers() (running, total int) { return int(p.running.Load()), int(p.total.Load()) }
func (p *plant) Draining() bool                { return p.draining.Load() }
func (p *plant) now() time.Time                { return time.Unix(1_790_000_000, p.elapsed.Load()) }
func (p *plant) pass(d time.Duration)          { p.elapsed.Add(int64(d)) }

// public is the union of the public bodies.
type public struct {
	Status  string
	Workers struct{ Running, Total int }
	Checks  map[string]string
}

func decode(t *testing.T, body []byte) public {
	t.Helper()
	var p public
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("body %s: %v", body, err)
	}
	return p
}

// secret is the text of the error that failing checks return.
const secret = "dial tcp 10.0.0.7:5432: password of plant refused"

func fine() error    { return nil }
func failing() error { return errors.New(secret) }
func panics() error  { panic(secret) }
