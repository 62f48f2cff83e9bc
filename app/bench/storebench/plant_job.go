package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/oee"
	"smart-factory-backend/app/plant"
)

// plantSize says how much the job plant stores and asks for.
type plantSize struct {
	// singles is the number of events that are appended one by one by writers at
	// once, batches that of batches of eventBatch events.
	singles, writers, batches int
	// lines of ten machines each have shiftChanges changes of state in a shift and
	// monthChanges in a month.
	shiftChanges, monthMachines, monthChanges int
}

const (
	eventBatch    = 1000
	lineMachines  = 10
	plantShift    = 8 * time.Hour
	plantMonth    = 30 * 24 * time.Hour
	plantBegin    = int64(1_700_000_000_000)
	singlesMode   = "events one by one, 64 at once"
	batchesMode   = "events, 1 000 a batch"
	shiftOEEMode  = "OEE of a line's shift"
	monthOEEMode  = "OEE of a month, by day"
	figureMillis  = "milliseconds"
	figureCPU     = "cpu_milliseconds"
	figurePerCPU  = "events_per_cpu_second"
	figurePerTime = "events_per_second"
)

var fullPlant = plantSize{singles: 20_000, writers: 64, batches: 50, shiftChanges: 1000, monthMachines: 100, monthChanges: 30 * 200}

// runPlant appends events, and reports the cost of events and of OEE.
func runPlant(ctx context.Context, s settings, report reportFunc) (err error) {
	return fullPlant.run(ctx, s, report)
}

func (p plantSize) run(ctx context.Context, s settings, report reportFunc) (err error) {
	e, err := open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	store, ok := e.(factory.Store)
	if !ok {
		return fmt.Errorf("engine %q has no events", s.engine)
	}
	if err := p.measureEvents(ctx, s, store, report); err != nil {
		return err
	}
	for line, machines := range map[string]int{"shift": lineMachines, "month": p.monthMachines} {
		changes, length := p.shiftChanges, plantShift
		if line == "month" {
			changes, length = p.monthChanges, plantMonth
		}
		for m := range machines {
			if err := fillMachine(ctx, store, fmt.Sprintf("%s-%d", line, m), line, changes, length); err != nil {
				return err
			}
		}
	}
	figures := plant.NewOEE(store, func() int64 { return plantBegin + plantMonth.Milliseconds() })
	for range s.rounds {
		if err := measureOEE(ctx, s, figures, shiftOEEMode, "shift", plantShift, oee.NotGrouped, report); err != nil {
			return err
		}
		if err := measureOEE(ctx, s, figures, monthOEEMode, "month", plantMonth, oee.ByDay, report); err != nil {
			return err
		}
	}
	return nil
}

// measureEvents appends events one by one and in batches.
func (p plantSize) measureEvents(ctx context.Context, s settings, store factory.Store, report reportFunc) error {
	for round := range s.rounds {
		single := func(ctx context.Context) error {
			group, ctx := errgroup.WithContext(ctx)
			for w := range p.writers {
				group.Go(func() error {
					for i := w; i < p.singles; i += p.writers {
						if err := writeEvents(ctx, store, machineEvents(fmt.Sprintf("single-%d", w), round*p.singles+i, 1, 1000)); err != nil {
							return err
						}
					}
					return nil
				})
			}
			return group.Wait()
		}
		batches := func(ctx context.Context) error {
			for i := range p.batches {
				if err := writeEvents(ctx, store, machineEvents("batch", (round*p.batches+i)*eventBatch, eventBatch, 1000)); err != nil {
					return err
				}
			}
			return nil
		}
		if err := measureAppends(ctx, s, singlesMode, p.singles, single, report); err != nil {
			return err
		}
		if err := measureAppends(ctx, s, batchesMode, p.batches*eventBatch, batches, report); err != nil {
			return err
		}
	}
	return nil
}

func measureAppends(ctx context.Context, s settings, mode string, events int, do func(context.Context) error, report reportFunc) error {
	elapsed, used, err := measured(s, func() error { return do(ctx) })
	if err != nil {
		return fmt.Errorf("%s: %w", mode, err)
	}
	return report(mode, map[string]float64{figurePerCPU: float64(events) / used.Seconds(), figurePerTime: float64(events) / elapsed.Seconds()})
}

// measureOEE computes the figures of a line.
func measureOEE(ctx context.Context, s settings, figures *plant.OEE, mode, line string, length time.Duration, by oee.By, report reportFunc) error {
	elapsed, used, err := measured(s, func() error {
		answer, err := figures.Report(ctx, oee.Query{
			Scope: factory.Scope{Line: line}, Span: factory.Span{From: plantBegin, To: plantBegin + length.Milliseconds()}, By: by,
		})
		if err == nil && answer.Total.Total == 0 {
			err = errors.New("there are no pieces")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", mode, err)
	}
	return report(mode, map[string]float64{figureMillis: elapsed.Seconds() * 1000, figureCPU: used.Seconds() * 1000})
}

// measured returns the time and the CPU time of do.
func measured(s settings, do func() error) (elapsed, used time.Duration, err error) {
	m, err := startMeter(s.server)
	if err != nil {
		return 0, 0, err
	}
	if err := do(); err != nil {
		return 0, 0, err
	}
	return m.read()
}

// fillMachine stores a machine of a line and its changes of state at even times.
func fillMachine(ctx context.Context, store factory.Store, id, line string, changes int, length time.Duration) error {
	m := factory.Machine{ID: id, Placement: factory.Placement{Site: "s", Area: "a", Line: line}, IdealCycle: 30}
	if _, _, err := store.PutMachine(ctx, m, factory.MatchAlways); err != nil {
		return err
	}
	count := factory.Event{Machine: id, Kind: factory.EventCount, ObservedAt: plantBegin, Data: []byte(`{"good":100,"scrap":3}`)}
	if err := writeEvents(ctx, store, []factory.Event{count}); err != nil {
		return err
	}
	for first := 0; first < changes; first += eventBatch {
		events := machineEvents(id, first, min(eventBatch, changes-first), length.Milliseconds()/int64(changes))
		if err := writeEvents(ctx, store, events); err != nil {
			return err
		}
	}
	return nil
}

// machineEvents returns n changes of state from the one with the number first on,
// every step milliseconds.
func machineEvents(machine string, first, n int, step int64) []factory.Event {
	states := []string{`{"state":"running"}`, `{"state":"idle"}`, `{"state":"running"}`, `{"state":"fault","reason":"jam"}`}
	events := make([]factory.Event, n)
	for i := range events {
		number := first + i
		events[i] = factory.Event{
			Machine: machine, Kind: factory.EventState, ObservedAt: plantBegin + int64(number)*step,
			ID: fmt.Sprint(number), Data: []byte(states[number%len(states)]),
		}
	}
	return events
}

func writeEvents(ctx context.Context, store factory.Store, events []factory.Event) error {
	_, err := store.Write(ctx, factory.JournalBatch{Events: events})
	return err
}
