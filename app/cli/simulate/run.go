package simulate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options are the options of Run.
type Options struct {
	// URL is that of the server, Key an API key with the role admin, or "".
	URL, Key string
	// Seed determines the plant; the same seed and the same begin give the same data.
	Seed uint64
	// Days are filled in before the plant goes live, as far as they are missing.
	Days float64
	// Machines is how many machines there are at least.
	Machines int
	// EventRate is how many times as often faults, changes of product and disturbances
	// come; 1 is usual.
	EventRate float64
	// Zone is that of the shifts.
	Zone string
	// Log receives what a person should know, a line at a time.
	Log io.Writer
	// Now returns the time; nil means time.Now.
	Now func() time.Time
}

const (
	// pastStep is the time between two reports of a past day, liveStep that while live.
	pastStep = 10 * time.Second
	liveStep = time.Second
	// batchMachines is how many machines report in one request.
	batchMachines = 400
	// maxPending is how many bytes of reports are kept while the server is away.
	maxPending = 64 << 20
	// incidentsAfter is when the first fault and the first alarm come.
	incidentsAfter = 8 * time.Second
)

// simulator is a running simulation.
type simulator struct {
	Options
	client      *client
	plant       *Plant
	pending     []request
	bytes       int
	unreachable bool
	dropped     int
}

// request is one that waits for the server.
type request struct {
	path string
	body []byte
}

// Run creates the plant's documents, fills in past days and then reports until ctx
// ends, which is no error. While the server does not respond it keeps what it could
// not send, up to a bound.
func Run(ctx context.Context, o Options) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &simulator{Options: o, client: &client{url: strings.TrimSuffix(o.URL, "/"), key: o.Key}, plant: NewPlant(o.Seed, o.Machines, o.EventRate)}
	err := s.run(ctx)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the end of ctx is how it ends
	}
	return err
}

func (s *simulator) run(ctx context.Context) error {
	if err := s.createDocuments(ctx); err != nil {
		return err
	}
	begin, err := s.backfillStart(ctx)
	if err != nil {
		return err
	}
	if err := s.backfill(ctx, begin); err != nil {
		return err
	}
	s.logf("The plant is live: %d machines report every second. Open %s in a browser. End with Ctrl-C.", s.plant.Size(), s.URL)
	return s.live(ctx)
}

func (s *simulator) logf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.Log, format+"\n", args...)
}

// createDocuments creates the documents. What exists already is left as it is.
func (s *simulator) createDocuments(ctx context.Context) error {
	created, kept := 0, 0
	for _, d := range s.plant.documents(s.Zone) {
		body, err := json.Marshal(d.body)
		if err != nil {
			return err
		}
		err = s.client.do(ctx, http.MethodPut, d.path, body, http.Header{"If-None-Match": {"*"}}, nil)
		switch statusOf(err) {
		case 0:
			if err != nil {
				return s.withAdvice(err)
			}
			created++
		case http.StatusPreconditionFailed:
			kept++
		case http.StatusConflict: // such as another shift at the same time
			s.logf("left out %s: %v", d.path, err)
		default:
			return s.withAdvice(fmt.Errorf("PUT %s: %w", d.path, err))
		}
	}
	s.logf("Created %d documents; %d were there already.", created, kept)
	return nil
}

// withAdvice adds to an error what to do about it.
func (s *simulator) withAdvice(err error) error {
	switch statusOf(err) {
	case 0:
		return fmt.Errorf("%w\nIs the server running? Start it with: smart-factory-backend", err)
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w\nThe simulation needs an API key with the role admin, in API_KEY or --key", err)
	}
	return err
}

// backfillStart returns the time from which on the past has to be filled in.
func (s *simulator) backfillStart(ctx context.Context) (time.Time, error) {
	now := s.Now()
	begin := now.Add(-time.Duration(s.Days * float64(24*time.Hour)))
	var page struct {
		Readings []struct {
			TS int64 `json:"ts"`
		} `json:"readings"`
	}
	first := s.plant.lines[0].machines[0].id
	if err := s.client.doWithRetry(ctx, http.MethodGet, "/api/v1/latest?metric=good&machine="+url.QueryEscape(first), nil, &page); err != nil {
		return begin, s.withAdvice(err)
	}
	for _, r := range page.Readings {
		if known := time.UnixMilli(r.TS); known.After(begin) {
			begin = known.Add(pastStep)
			if s.Days > 0 {
				s.logf("The plant has reported until %s already; only what is missing since then is filled in.", known.Format("2006-01-02 15:04"))
			}
		}
	}
	return begin, nil
}

// backfill reports the time from begin until now.
func (s *simulator) backfill(ctx context.Context, begin time.Time) error {
	at := begin.Truncate(pastStep)
	day := at.Day()
	for ; at.Before(s.Now()); at = at.Add(pastStep) {
		s.step(at, pastStep)
		if at.Day() != day {
			s.logf("Filled in the time until %s.", at.Format(time.DateOnly))
			day = at.Day()
		}
		if len(s.pending) < 50 {
			continue
		}
		s.merge()
		for _, r := range s.pending {
			if err := s.client.doWithRetry(ctx, http.MethodPost, r.path, r.body, nil); err != nil && statusOf(err) != http.StatusConflict {
				return s.withAdvice(fmt.Errorf("POST %s: %w", r.path, err))
			}
		}
		s.pending, s.bytes = s.pending[:0], 0
	}
	return nil
}

// merge joins the reports that wait, so that the past takes few requests.
func (s *simulator) merge() {
	const most = 1 << 20
	merged := s.pending[:0:0]
	for _, r := range s.pending {
		last := len(merged) - 1
		if last >= 0 && r.path == telemetryPath && merged[last].path == r.path && len(merged[last].body)+len(r.body) < most {
			merged[last].body = append(append(merged[last].body[:len(merged[last].body)-1], ','), r.body[1:]...)
			continue
		}
		merged = append(merged, r)
	}
	s.pending = merged
}

const telemetryPath = "/api/v1/telemetry"

// step lets the plant work until at and queues what it reports.
func (s *simulator) step(at time.Time, length time.Duration) {
	ts := at.UnixMilli()
	stops := s.plant.Step(ts, length.Seconds())
	body := []byte{'['}
	n := 0
	for _, l := range s.plant.lines {
		for _, m := range l.machines {
			if n > 0 {
				body = append(body, ',')
			}
			body = m.appendReport(body, ts)
			if n++; n == batchMachines {
				s.queue(telemetryPath, append(body, ']'))
				body, n = []byte{'['}, 0
			}
		}
	}
	if n > 0 {
		s.queue(telemetryPath, append(body, ']'))
	}
	for _, stop := range stops {
		s.queue("/api/v1/machines/"+url.PathEscape(stop.Machine)+"/events", eventOf(stop))
	}
}

func (s *simulator) queue(path string, body []byte) {
	s.pending = append(s.pending, request{path, body})
	s.bytes += len(body)
	for s.bytes > maxPending {
		s.bytes -= len(s.pending[0].body)
		s.pending = s.pending[1:]
		s.dropped++
	}
}

// live reports every second until ctx ends.
func (s *simulator) live(ctx context.Context) error {
	ticker := time.NewTicker(liveStep)
	defer ticker.Stop()
	at := s.Now().Truncate(liveStep)
	incidents := at.Add(incidentsAfter)
	o := newOperator(s)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := s.Now()
		if now.Sub(at) > time.Minute { // the computer slept
			at = now.Add(-liveStep)
		}
		for ; !at.Add(liveStep).After(now); at = at.Add(liveStep) {
			if !incidents.IsZero() && !at.Before(incidents) {
				s.plant.TriggerIncidents(at.UnixMilli())
				incidents = time.Time{}
			}
			s.step(at.Add(liveStep), liveStep)
		}
		if err := s.flush(ctx); err != nil {
			return err
		}
		if !s.unreachable {
			o.work(ctx, now)
		}
	}
}

// flush sends what waits. A server that is away for now is no error.
func (s *simulator) flush(ctx context.Context) error {
	for len(s.pending) > 0 {
		r := s.pending[0]
		err := s.client.do(ctx, http.MethodPost, r.path, r.body, nil, nil)
		if transient(err) {
			if !s.unreachable {
				s.logf("The server does not take the readings: %v. They are kept and sent later.", err)
			}
			s.unreachable = true
			return nil
		}
		// Another simulation of this plant may have given a stop its reason.
		if err != nil && !errors.Is(err, context.Canceled) && statusOf(err) != http.StatusConflict {
			return s.withAdvice(fmt.Errorf("POST %s: %w", r.path, err))
		}
		s.bytes -= len(r.body)
		s.pending = s.pending[1:]
	}
	if s.unreachable {
		s.logf("The server takes readings again.")
		if s.dropped > 0 {
			s.logf("%d requests were too many to keep, and are lost.", s.dropped)
		}
	}
	s.unreachable, s.dropped = false, 0
	return nil
}
