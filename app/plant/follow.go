package plant

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"smart-factory-backend/app/factory"
)

const (
	// followPage is the most events that are read at once.
	followPage = 500
	// followRetry is the first and followRetryMost the longest time between two
	// attempts to read the journal.
	followRetry     = 50 * time.Millisecond
	followRetryMost = time.Second
)

// Run reports the events of the journal, and the machines that other processes have
// moved or deleted, until ctx ends. While the store is unavailable it waits; no event
// is skipped. After another error, which it returns, it can be called again and goes
// on with the events that were not reported.
func (f *Feed) Run(ctx context.Context) error {
	delay := followRetry
	for ctx.Err() == nil {
		progress, err := f.follow(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case !errors.Is(err, factory.ErrUnavailable) && !errors.Is(err, factory.ErrOverloaded):
			return err
		case progress:
			delay = followRetry
		}
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
		delay = min(2*delay, followRetryMost)
	}
	return nil
}

// follow reports events until there is an error. progress means that it has reported
// some.
func (f *Feed) follow(ctx context.Context) (progress bool, err error) {
	if err := f.begin(ctx); err != nil {
		return false, err
	}
	for {
		events, err := f.EventsAfter(ctx, factory.LogQuery{After: f.last, Limit: followPage})
		if err == nil && len(events) == 0 {
			err = f.WaitEvents(ctx, f.last)
		}
		if err != nil {
			return progress, err
		}
		if len(events) == 0 {
			continue
		}
		for _, s := range f.eventSubscribers {
			if err := s.EventsStored(ctx, events); err != nil {
				return progress, err
			}
		}
		f.reportMachines(ctx, events)
		f.last = events[len(events)-1].Seq
		progress = true
	}
}

// begin prepares the subscribers once.
func (f *Feed) begin(ctx context.Context) error {
	if f.begun {
		return nil
	}
	seq, err := f.LastSeq(ctx)
	if err != nil {
		return err
	}
	for _, s := range f.eventSubscribers {
		if err := s.EventsBegin(ctx, seq); err != nil {
			return err
		}
	}
	f.begun, f.last = true, seq
	return nil
}

// reportMachines reports the machines that were moved or deleted.
func (f *Feed) reportMachines(ctx context.Context, events []factory.Event) {
	prefix := string(factory.DocumentMachine) + "/"
	for _, e := range events {
		machine, ok := strings.CutPrefix(e.Subject, prefix)
		if e.Kind != factory.EventAudit || !ok {
			continue
		}
		var change struct{ From, To *factory.Placement }
		if json.Unmarshal(e.Data, &change) != nil {
			continue
		}
		var before factory.Placement
		if change.From != nil {
			before = *change.From
		}
		if change.To != nil && *change.To == before {
			continue
		}
		if change.To != nil {
			f.awaitPlacement(ctx, machine, *change.To)
		}
		for _, s := range f.subscribers {
			if change.To == nil {
				s.MachineDeleted(machine, before)
			} else {
				s.MachineMoved(machine, before)
			}
		}
	}
}

// placementWait is longer than a change by another process takes to reach the memory
// of this one's store.
const placementWait = 2 * time.Second

// awaitPlacement waits until the store knows where a machine is, or that it is
// somewhere else again.
func (f *Feed) awaitPlacement(ctx context.Context, machine string, want factory.Placement) {
	ctx, cancel := context.WithTimeout(ctx, placementWait)
	defer cancel()
	for {
		if is, _ := f.Placement(machine); is == want {
			return
		}
		if m, err := f.Machine(ctx, machine); err != nil || m.Placement != want {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}
