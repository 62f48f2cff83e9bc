package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"sync"
	"time"

	"smart-factory-backend/app/factory"
)

// Run replays recordings and returns a summary. It returns an error only if it
// could not start: invalid options (ErrOptions), a file that can't be read or is
// not a recording, a state file of another replay. Nothing was sent then. Later
// failures are in the summary. If ctx ends first, Run stops early and sets
// Interrupted. All goroutines that it started have ended when it returns.
func Run(ctx context.Context, o Options) (Summary, error) {
	o, err := o.validate()
	if err != nil {
		return Summary{}, err
	}
	sum := Summary{started: time.Now()}
	jobs, err := o.machineJobs(&sum)
	if err != nil {
		return Summary{}, err
	}
	state, err := openStateFile(o.State, o.URL)
	if err != nil {
		return Summary{}, err
	}
	if err := o.setStart(ctx, jobs, state); err != nil {
		return Summary{}, err
	}
	c := newCounters()
	o.runWorkers(ctx, jobs, state, c)
	sum.addCounters(c)
	sum.Interrupted = ctx.Err() != nil && !sum.complete()
	return sum, nil
}

// machineJobs opens every recording once, so that unusable files are reported
// before anything is sent, and groups them by machine. It adds them to sum.
func (o Options) machineJobs(sum *Summary) ([]*machineJob, error) {
	var problems []error
	var jobs []*machineJob
	byMachine := make(map[string]*machineJob)
	seen := make(map[string]bool)
	for _, path := range o.Files {
		machine := o.machineOf(path)
		f, err := o.openJob(path, machine)
		if seen[path] {
			err = fmt.Errorf("%s is given twice", path)
		}
		seen[path] = true
		if err != nil {
			problems = append(problems, err)
			continue
		}
		sum.Files = append(sum.Files, f.result)
		j := byMachine[machine]
		if j == nil {
			j = &machineJob{machine: machine}
			byMachine[machine] = j
			jobs = append(jobs, j)
		}
		j.files = append(j.files, f)
	}
	return jobs, errors.Join(problems...)
}

// openJob checks that path is a recording with a valid machine name.
func (o Options) openJob(path, machine string) (*fileJob, error) {
	if err := factory.ValidateName(factory.KindMachine, machine); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	size, err := fileSize(path)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rec, err := NewRecording(file, path, o.Columns)
	if err != nil {
		return nil, err
	}
	result := &FileSummary{File: path, Machine: machine, Metrics: rec.Metrics()}
	return &fileJob{path: path, size: size, skip: o.SkipRows, result: result}, nil
}

// setStart sets the row at which each file starts and the shift of its
// timestamps, and writes the state file.
func (o Options) setStart(ctx context.Context, jobs []*machineJob, state *stateFile) error {
	for _, j := range jobs {
		var shift int64
		if o.ShiftToNow && o.Speed == 0 {
			last, err := o.latestTime(ctx, j)
			if err != nil {
				return err
			}
			shift = time.Now().UnixMilli() - last
		}
		for _, f := range j.files {
			f.shift = shift
			if err := state.resume(j.machine, f); err != nil {
				return err
			}
			f.result.Rows, f.result.Skipped = f.skip, f.skip
		}
	}
	return state.write()
}

// latestTime returns the latest timestamp of all recordings of a machine.
func (o Options) latestTime(ctx context.Context, j *machineJob) (int64, error) {
	last := int64(math.MinInt64)
	for _, f := range j.files {
		at, err := o.latestTimeIn(ctx, f.path)
		if err != nil {
			return 0, err
		}
		last = max(last, at)
	}
	return last, nil
}

// latestTimeIn returns the latest timestamp of one recording.
func (o Options) latestTimeIn(ctx context.Context, path string) (int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	rec, err := NewRecording(file, path, o.Columns)
	if err != nil {
		return 0, err
	}
	last := int64(math.MinInt64)
	for ctx.Err() == nil {
		row, err := rec.Next()
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return 0, err
		}
		last = max(last, row.ObservedAt)
	}
	return 0, context.Cause(ctx)
}

// runWorkers replays the jobs, Clients at a time, and reports the progress. It
// returns when all goroutines that it started have ended.
func (o Options) runWorkers(ctx context.Context, jobs []*machineJob, state *stateFile, c *counters) {
	clients := o.Clients
	if clients == 0 && o.Speed == 0 {
		clients = fastClients
	}
	if clients == 0 || clients > len(jobs) {
		clients = len(jobs)
	}
	client, closeIdle := o.client(clients)
	defer closeIdle()

	stop := make(chan struct{})
	var progress sync.WaitGroup
	defer progress.Wait()
	defer close(stop)
	if o.Progress != nil {
		total := totalBytes(jobs)
		progress.Go(func() { o.Progress.run(stop, c.unreachable, func() snapshot { return c.snapshot(clients, total) }) })
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan *machineJob, len(jobs))
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	var workers sync.WaitGroup
	for range clients {
		workers.Go(func() {
			w := &worker{options: o, counters: c, state: state, sender: newSender(o, client, c)}
			for j := range queue {
				if err := w.run(ctx, j); errors.Is(err, errUnreachable) {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
}

// client returns the HTTP client, and a function that closes its idle
// connections.
func (o Options) client(connections int) (*http.Client, func()) {
	client := &http.Client{
		Transport:     o.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if o.Transport == nil {
		client.Transport = &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			MaxIdleConnsPerHost:    connections,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
		}
	}
	return client, client.CloseIdleConnections
}

func totalBytes(jobs []*machineJob) int64 {
	var total int64
	for _, j := range jobs {
		for _, f := range j.files {
			total += f.size
		}
	}
	return total
}
