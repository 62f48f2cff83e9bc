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

// Run replays recordings and returns what became of them. The error is about
// what keeps it from beginning: wrong options, files that can't be read or are
// no recordings, a state file of something else; nothing was sent then. What
// goes wrong later stands in the summary, with the rows that are acknowledged.
// Run ends early, with Interrupted set, when ctx does.
func Run(ctx context.Context, o Options) (Summary, error) {
	o, err := o.validate()
	if err != nil {
		return Summary{}, err
	}
	sum := Summary{began: time.Now()}
	streams, err := o.machineJobs(&sum)
	if err != nil {
		return Summary{}, err
	}
	noted, err := openStateFile(o.State, o.URL)
	if err != nil {
		return Summary{}, err
	}
	if err := o.setStart(ctx, streams, noted); err != nil {
		return Summary{}, err
	}
	t := newCounters()
	o.runWorkers(ctx, streams, noted, t)
	sum.addCounters(t)
	sum.Interrupted = ctx.Err() != nil && !sum.complete()
	return sum, nil
}

// streams opens every recording once, so that all that can be wrong at their
// beginning is told before anything is sent, and groups them by machine.
func (o Options) machineJobs(sum *Summary) ([]*machineJob, error) {
	var problems []error
	var streams []*machineJob
	byMachine := make(map[string]*machineJob)
	named := make(map[string]bool)
	for _, path := range o.Files {
		machine := o.machineOf(path)
		p, err := o.openJob(path, machine)
		if named[path] {
			err = fmt.Errorf("%s is named twice", path)
		}
		named[path] = true
		if err != nil {
			problems = append(problems, err)
			continue
		}
		sum.Files = append(sum.Files, p.result)
		s := byMachine[machine]
		if s == nil {
			s = &machineJob{machine: machine}
			byMachine[machine] = s
			streams = append(streams, s)
		}
		s.files = append(s.files, p)
	}
	return streams, errors.Join(problems...)
}

// inspect reads the beginning of a recording.
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

// place decides where each recording begins and how its times are moved.
func (o Options) setStart(ctx context.Context, streams []*machineJob, noted *stateFile) error {
	for _, s := range streams {
		var shift int64
		if o.ShiftToNow && o.Speed == 0 {
			last, err := o.latestTime(ctx, s)
			if err != nil {
				return err
			}
			shift = time.Now().UnixMilli() - last
		}
		for _, p := range s.files {
			p.shift = shift
			if err := noted.resume(s.machine, p); err != nil {
				return err
			}
			p.result.Rows, p.result.Skipped = p.skip, p.skip
		}
	}
	return noted.write()
}

// last reads all of a machine's recordings for their latest time.
func (o Options) latestTime(ctx context.Context, s *machineJob) (int64, error) {
	last := int64(math.MinInt64)
	for _, p := range s.files {
		at, err := o.latestTimeIn(ctx, p.path)
		if err != nil {
			return 0, err
		}
		last = max(last, at)
	}
	return last, nil
}

// lastOf reads one recording for its latest time.
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

// play replays the streams, as many at once as wanted, and shows how it goes.
// It returns when all is done and every goroutine that it started has ended.
func (o Options) runWorkers(ctx context.Context, streams []*machineJob, noted *stateFile, t *counters) {
	clients := o.Clients
	if clients == 0 && o.Speed == 0 {
		clients = fastClients
	}
	if clients == 0 || clients > len(streams) {
		clients = len(streams)
	}
	client, closeIdle := o.client(clients)
	defer closeIdle()

	ended := make(chan struct{})
	var display sync.WaitGroup
	defer display.Wait()
	defer close(ended)
	if o.Progress != nil {
		total := totalBytes(streams)
		display.Go(func() { o.Progress.run(ended, func() snapshot { return t.snapshot(clients, total) }) })
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan *machineJob, len(streams))
	for _, s := range streams {
		queue <- s
	}
	close(queue)
	var workers sync.WaitGroup
	for range clients {
		workers.Go(func() {
			r := &worker{options: o, counters: t, state: noted, sender: newSender(o, client, t)}
			for s := range queue {
				if err := r.run(ctx, s); errors.Is(err, errUnreachable) {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
}

// client returns what requests go through, and what closes it.
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

func totalBytes(streams []*machineJob) int64 {
	var total int64
	for _, s := range streams {
		for _, p := range s.files {
			total += p.size
		}
	}
	return total
}
