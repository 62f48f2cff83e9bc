package plant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/oee"
	"smart-factory-backend/app/factory/shift"
)

const (
	// liveOEEInterval is the time between two events of a line.
	liveOEEInterval = 10 * time.Second
	// liveOEERest is how much longer than the computation the time until the next one
	// is at least, so that it never occupies the server.
	liveOEERest = 20
	// liveOEEDigits are the decimals of figures in which a change matters.
	liveOEEDigits = 1e4
)

// LiveOEE appends the OEE of each line's running shift to the journal when it has
// changed, and that of machines without a line.
type LiveOEE struct {
	*OEE
	last map[liveSubject]liveValue
}

// NewLiveOEE returns the LiveOEE of the machines in o.
func NewLiveOEE(o *OEE) *LiveOEE { return &LiveOEE{OEE: o} }

// liveSubject is what an event is about: a line by its path, or a machine.
type liveSubject struct{ line, machine string }

// liveValue is the last event of a subject.
type liveValue struct {
	at   int64
	data liveOEE
}

// liveOEE is the data of an event.
type liveOEE struct {
	Line          string   `json:"line,omitempty"`
	Machine       string   `json:"machine,omitempty"`
	Shift         string   `json:"shift"`
	Day           string   `json:"day"`
	From          int64    `json:"from"`
	To            int64    `json:"to"` // the end of the shift
	Availability  *float64 `json:"availability"`
	Effectiveness *float64 `json:"effectiveness"`
	Quality       *float64 `json:"quality"`
	OEE           *float64 `json:"oee"`
}

// Run appends events while this process leads, until ctx ends. While the store is
// unavailable it waits.
func (l *LiveOEE) Run(ctx context.Context) error {
	for {
		err := l.store.Lead(ctx, l.lead)
		if ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, factory.ErrUnavailable) && !errors.Is(err, factory.ErrOverloaded) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(liveOEEInterval):
		}
	}
}

func (l *LiveOEE) lead(ctx context.Context) error {
	if err := l.loadLast(ctx); err != nil {
		return err
	}
	for {
		began := time.Now()
		if err := l.appendChanged(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(liveOEEInterval, liveOEERest*time.Since(began))):
		}
	}
}

// loadLast loads what another leader has appended.
func (l *LiveOEE) loadLast(ctx context.Context) error {
	events, err := l.store.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventOEE})
	if err != nil {
		return fmt.Errorf("load the latest OEE: %w", err)
	}
	l.last = map[liveSubject]liveValue{}
	for _, e := range events {
		v := liveValue{at: e.ObservedAt}
		if json.Unmarshal(e.Data, &v.data) == nil {
			l.last[liveSubject{e.Subject, e.Machine}] = v
		}
	}
	return nil
}

// appendChanged computes all running shifts and appends those that have changed.
func (l *LiveOEE) appendChanged(ctx context.Context) error {
	now := l.timelines.now()
	running, err := l.running(ctx, now)
	if err != nil {
		return fmt.Errorf("find running shifts: %w", err)
	}
	for subject, s := range running {
		report := oee.NewReport(s.span, oee.NotGrouped, time.UTC)
		if err := s.each(ctx, report.Add); err != nil {
			if errors.Is(err, factory.ErrNotFound) { // a machine was deleted meanwhile
				continue
			}
			return fmt.Errorf("compute the OEE of running shifts: %w", err)
		}
		f, of := report.Total(), s.machines[0].only
		data := liveOEE{
			Line: subject.line, Machine: subject.machine, Shift: of.Shift, Day: of.Day, From: of.From, To: of.To,
			Availability: f.Availability, Effectiveness: f.Effectiveness, Quality: f.Quality, OEE: f.OEE,
		}
		if err := l.append(ctx, subject, now, data); err != nil {
			return fmt.Errorf("append the OEE of a running shift: %w", err)
		}
	}
	return nil
}

// append appends an event unless nothing has changed or the last one is too recent.
func (l *LiveOEE) append(ctx context.Context, subject liveSubject, now int64, data liveOEE) error {
	last, known := l.last[subject]
	if known && (now-last.at < liveOEEInterval.Milliseconds() || last.data.rounded() == data.rounded()) {
		return nil
	}
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	event := factory.Event{
		Kind: factory.EventOEE, Machine: subject.machine, Subject: subject.line, ObservedAt: now, Data: text,
		// A process that has not noticed that another one leads appends none twice.
		ID: fmt.Sprintf("oee/%s/%d", subject.line, now/liveOEEInterval.Milliseconds()),
	}
	_, err = l.store.Write(ctx, factory.JournalBatch{Events: []factory.Event{event}})
	if err == nil || errors.Is(err, factory.ErrConflict) {
		l.last[subject] = liveValue{at: now, data: data}
		return nil
	}
	return err
}

// rounded is what an event is compared by.
func (d *liveOEE) rounded() string {
	var b strings.Builder
	fmt.Fprint(&b, d.Shift, " ", d.From, " ", d.To)
	for _, f := range []*float64{d.Availability, d.Effectiveness, d.Quality, d.OEE} {
		if f == nil {
			b.WriteString(" null")
		} else {
			fmt.Fprint(&b, " ", math.Round(*f*liveOEEDigits))
		}
	}
	return b.String()
}

// running returns the machines of each line whose shift is running, and until now.
func (l *LiveOEE) running(ctx context.Context, now int64) (map[liveSubject]*selection, error) {
	plan, err := loadPlan(ctx, l.store)
	if err != nil || len(plan.Shifts) == 0 {
		return nil, err
	}
	all := map[liveSubject]*selection{}
	err = l.eachMachine(ctx, factory.Scope{}, func(m factory.Machine) {
		one := selected{Machine: m, schedule: plan.Machine(m.ID, m.Placement)}
		for i := range one.schedule.Instances(factory.Span{From: now, To: now + 1}) {
			one.only = &i
		}
		if one.only == nil {
			return
		}
		subject := liveSubject{machine: m.ID}
		if m.Site != "" && m.Area != "" && m.Line != "" {
			subject = liveSubject{line: m.Site + "/" + m.Area + "/" + m.Line}
		}
		s := all[subject]
		if s == nil {
			s = l.newSelection(factory.Span{From: one.only.From, To: now})
			all[subject] = s
		}
		// Of a line whose machines work in different shifts, that of the first one counts.
		if len(s.machines) == 0 || sameShift(s.machines[0].only, one.only) {
			s.machines = append(s.machines, one)
		}
	})
	return all, err
}

func sameShift(a, b *shift.Instance) bool { return a.Shift == b.Shift && a.Day == b.Day }
