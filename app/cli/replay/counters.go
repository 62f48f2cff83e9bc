package replay

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	// maxRejections is how many rejected points are described individually.
	maxRejections = 5
	// maxLatency is the largest latency that is told apart; attemptTimeout ends
	// a request long before.
	maxLatency = time.Minute
)

// counters counts what all workers do. It is safe for concurrent use.
type counters struct {
	accepted, rejected, missing atomic.Int64
	// rows counts the rows of acknowledged batches. bytes is the acknowledged
	// part of the files; skipped is the part that was acknowledged before this
	// replay.
	rows, bytes, skipped atomic.Int64
	requests, retries    atomic.Int64

	// unreachable gets one message if the very first request finds no server.
	unreachable chan string

	mu sync.Mutex
	// latency holds the nanoseconds of each attempt that got a response.
	latency *hdrhistogram.Histogram
	// failures counts failed attempts by kind.
	failures map[string]int64
	// lastFailure describes the last failed attempt; "" once a request succeeds.
	lastFailure string
	rejections  []string
	// waiting holds, by machine, when the reading that it waits for is due.
	waiting map[*machineJob]time.Time
}

func newCounters() *counters {
	return &counters{
		unreachable: make(chan string, 1),

		latency:  hdrhistogram.New(int64(time.Microsecond), int64(maxLatency), 3),
		failures: make(map[string]int64),
		waiting:  make(map[*machineJob]time.Time),
	}
}

// addLatency counts the duration of an attempt that got a response.
func (c *counters) addLatency(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.latency.RecordValue(int64(min(max(d, 0), maxLatency))) // fails only out of range
}

// latencies returns the percentiles so far; all are 0 without a response.
func (c *counters) latencies() Latency {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := func(percentile float64) float64 {
		return float64(c.latency.ValueAtPercentile(percentile)) / float64(time.Millisecond)
	}
	return Latency{P50: at(50), P90: at(90), P99: at(99), Max: at(100)}
}

// attemptFailed counts an attempt at url that is to be retried.
func (c *counters) attemptFailed(url string, err *transientError) {
	if c.requests.Add(1) == 1 && err.kind == "connection" {
		c.unreachable <- "no server at " + url + ": " + err.Error()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures[err.kind]++
	c.lastFailure = err.Error()
}

// attemptSettled counts an attempt with a final result, good or bad.
func (c *counters) attemptSettled() {
	c.requests.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastFailure = ""
}

// addRejection keeps the first maxRejections descriptions; describe is called
// only for those.
func (c *counters) addRejection(describe func() string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.rejections) < maxRejections {
		c.rejections = append(c.rejections, describe())
	}
}

// setWaiting records that j waits for a reading that is due at the given time.
// The zero time ends the wait.
func (c *counters) setWaiting(j *machineJob, due time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if due.IsZero() {
		delete(c.waiting, j)
		return
	}
	c.waiting[j] = due
}

// snapshot is the state of a replay at one time, for the progress display.
type snapshot struct {
	points, rejected, retries int64
	bytes, skipped, total     int64
	lastFailure               string
	// due is when the next reading is sent; zero while a request is in flight.
	due time.Time
}

// snapshot returns the current state. workers is how many machines are replayed
// concurrently, total the size of all files in bytes.
func (c *counters) snapshot(workers int, total int64) snapshot {
	s := snapshot{
		rejected: c.rejected.Load(),
		retries:  c.retries.Load(),
		bytes:    c.bytes.Load(),
		skipped:  c.skipped.Load(),
		total:    total,
	}
	s.points = c.accepted.Load() + s.rejected
	c.mu.Lock()
	defer c.mu.Unlock()
	s.lastFailure = c.lastFailure
	if len(c.waiting) < workers {
		return s
	}
	for _, due := range c.waiting {
		if s.due.IsZero() || due.Before(s.due) {
			s.due = due
		}
	}
	return s
}

// errors returns the failed attempts by kind and the described rejections.
func (c *counters) errors() (failures map[string]int64, rejections []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.failures), append([]string{}, c.rejections...)
}
