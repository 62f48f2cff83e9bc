package plant

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
)

// AlarmOptions are the options of NewAlarms.
type AlarmOptions struct {
	// Store is the engine, which has codes in the place of texts.
	Store factory.Store
	// Timelines may be nil: no rule on states raises an alarm then, and no state
	// suppresses one.
	Timelines *Timelines
	// Alone says that no other process uses the store.
	Alone bool
	// Now returns the server's time in Unix milliseconds.
	Now func() int64
	// Failed reports that alarms could not be judged or stored. They are judged again
	// later.
	Failed func(error)
}

// Alarms judges the rules by the readings that are stored, performs what people do
// with alarms, and lists them. All replicas judge; the journal lets only one of them
// append a transition. The methods of Subscriber only mark what has to be judged.
type Alarms struct {
	options AlarmOptions
	index   *alarmIndex
	leading atomic.Bool
	// loaded is closed when the rules are loaded.
	loaded     chan struct{}
	loadedOnce sync.Once

	queueMu sync.Mutex
	queue   []*alarmInstance
	queued  chan struct{} // has an element if the queue may not be empty
	timer   chan struct{} // wakes the leader
}

const (
	alarmWorkers = 4
	// alarmParallel is how many instances of a changed rule are judged at a time.
	alarmParallel = 32
	// alarmRetry is the time between two attempts to judge when the store fails.
	alarmRetry = time.Second
	// alarmSweep is how often progress is stored, and how often the leader looks for
	// readings that a replica has received but not judged.
	alarmSweep = 30 * time.Second
	// alarmProgressStep is how much of a machine's time may be judged again after a
	// start.
	alarmProgressStep = int64(5 * time.Minute / time.Millisecond)
	alarmPage         = 1000
	pointPage         = 10_000
)

// NewAlarms returns an Alarms that does nothing until Run.
func NewAlarms(options AlarmOptions) *Alarms {
	if options.Failed == nil {
		options.Failed = func(error) {}
	}
	a := &Alarms{
		options: options, loaded: make(chan struct{}), queued: make(chan struct{}, 1), timer: make(chan struct{}, 1),
		index: newAlarmIndex(),
	}
	return a
}

// Run judges until ctx ends. It begins with what was stored but not judged before.
func (a *Alarms) Run(ctx context.Context) error {
	var after int64
	for {
		var err error
		if after, err = a.options.Store.LastSeq(ctx); err == nil {
			err = a.load(ctx)
		}
		if err == nil {
			break
		}
		if !a.pause(ctx, err) {
			return nil
		}
	}
	a.loadedOnce.Do(func() { close(a.loaded) })
	var wg sync.WaitGroup
	defer wg.Wait()
	for range alarmWorkers {
		wg.Go(func() { a.runWorker(ctx) })
	}
	wg.Go(func() { a.followJournal(ctx, after) })
	wg.Go(func() { a.runSweeps(ctx) })
	return a.options.Store.Lead(ctx, a.runTimers)
}

// pause reports an error and waits before the next attempt. It returns false when
// ctx ends.
func (a *Alarms) pause(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	a.options.Failed(err)
	select {
	case <-ctx.Done():
		return false
	case <-time.After(alarmRetry):
		return true
	}
}

// ReadingsStored marks the rules for which the readings may matter.
func (a *Alarms) ReadingsStored(readings []factory.Reading, rejected []factory.Rejection) {
	if a.index.count.Load() == 0 {
		return
	}
	for _, machine := range a.index.observe(readings, rejected, a.options.Now(), a.mark) {
		a.locate(machine)
	}
}

// MachineMoved applies the rules of the new place.
func (a *Alarms) MachineMoved(machine string, _ factory.Placement) { a.locate(machine) }

// MachineDeleted ends the alarms of the machine.
func (a *Alarms) MachineDeleted(machine string, _ factory.Placement) { a.locate(machine) }

// locate applies the rules that hold for the place of a machine.
func (a *Alarms) locate(machine string) {
	placement, exists := a.options.Store.Placement(machine)
	for _, i := range a.index.setMachine(machine, placement, exists) {
		a.mark(i)
	}
}

// locateUnknown is locate for a machine that another replica may have registered.
func (a *Alarms) locateUnknown(machine string) {
	if a.index.count.Load() > 0 && !a.index.knows(machine) {
		a.locate(machine)
	}
}

// mark queues an instance for a worker.
func (a *Alarms) mark(i *alarmInstance) {
	i.mu.Lock()
	if i.queued {
		i.again = true
		i.mu.Unlock()
		return
	}
	i.queued = true
	i.mu.Unlock()
	a.enqueue(i)
}

func (a *Alarms) enqueue(i *alarmInstance) {
	a.queueMu.Lock()
	a.queue = append(a.queue, i)
	a.queueMu.Unlock()
	a.signal()
}

func (a *Alarms) signal() {
	select {
	case a.queued <- struct{}{}:
	default:
	}
}

// next returns a queued instance; nil when ctx ends.
func (a *Alarms) next(ctx context.Context) *alarmInstance {
	for {
		a.queueMu.Lock()
		if len(a.queue) > 0 {
			i := a.queue[0]
			a.queue = a.queue[1:]
			more := len(a.queue) > 0
			a.queueMu.Unlock()
			if more {
				a.signal()
			}
			return i
		}
		a.queue = nil
		a.queueMu.Unlock()
		select {
		case <-ctx.Done():
			return nil
		case <-a.queued:
		}
	}
}

func (a *Alarms) runWorker(ctx context.Context) {
	for {
		i := a.next(ctx)
		if i == nil {
			return
		}
		err := a.judge(ctx, i)
		i.mu.Lock()
		again := i.again || err != nil
		i.queued, i.again = again, false
		i.mu.Unlock()
		if err != nil && !a.pause(ctx, err) {
			return
		}
		if again {
			a.enqueue(i)
		}
	}
}

// load reads the rules and the machines, and marks every instance, and those that
// have lost their rule while no process ran.
func (a *Alarms) load(ctx context.Context) error {
	heads, err := a.options.Store.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventAlarm})
	if err != nil {
		return err
	}
	if err := a.loadMachines(ctx); err != nil {
		return err
	}
	if err := a.loadRules(ctx); err != nil {
		return err
	}
	for _, e := range heads {
		if a.index.instance(e.Machine, e.Subject) == nil {
			i := newAlarmInstance(&alarmRule{Rule: alarm.Rule{ID: e.Subject}}, e.Machine)
			i.ended.Store(true)
			a.mark(i)
		}
	}
	return nil
}

func (a *Alarms) loadRules(ctx context.Context) error {
	for cursor := ""; ; {
		page, err := a.options.Store.Documents(ctx, factory.DocumentQuery{Kind: factory.DocumentAlarmRule, Cursor: cursor, Limit: alarmPage})
		if err != nil {
			return err
		}
		for _, d := range page.Documents {
			for _, i := range a.setRule(d) {
				a.mark(i)
			}
		}
		if cursor = page.NextCursor; cursor == "" {
			return nil
		}
	}
}

// setRule puts the rule of a document in force. It returns the instances that have to
// be judged.
func (a *Alarms) setRule(d factory.Document) []*alarmInstance {
	rule, err := alarm.ParseRule(d.ID, d.Data)
	if err != nil {
		a.options.Failed(fmt.Errorf("alarm rule %q: %w", d.ID, err)) // another release has written it
		return nil
	}
	return a.index.setRule(d.ID, &alarmRule{Rule: rule, version: d.Version, since: d.UpdatedAt})
}

func (a *Alarms) loadMachines(ctx context.Context) error {
	for cursor := ""; ; {
		page, err := a.options.Store.Machines(ctx, factory.MachineQuery{Cursor: cursor, Limit: alarmPage})
		if err != nil {
			return err
		}
		for _, m := range page.Machines {
			a.index.setMachine(m.ID, m.Placement, true)
		}
		if cursor = page.NextCursor; cursor == "" {
			return nil
		}
	}
}

// followJournal follows what every replica appends.
func (a *Alarms) followJournal(ctx context.Context, after int64) {
	kinds := []factory.EventKind{factory.EventAlarm, factory.EventAudit, factory.EventState}
	for ctx.Err() == nil {
		events, err := a.options.Store.EventsAfter(ctx, factory.LogQuery{After: after, Kinds: kinds, Limit: alarmPage})
		if err == nil && len(events) > 0 {
			if err = a.follow(ctx, events); err == nil {
				after = events[len(events)-1].Seq
				continue
			}
		}
		if err == nil {
			err = a.waitEvents(ctx, &after)
		}
		if err != nil && !a.pause(ctx, err) {
			return
		}
	}
}

// waitEvents waits for an event after the newest that exists. Events of other kinds
// end the wait and are skipped.
func (a *Alarms) waitEvents(ctx context.Context, after *int64) error {
	last, err := a.options.Store.LastSeq(ctx)
	if err != nil {
		return err
	}
	events, err := a.options.Store.EventsAfter(ctx, factory.LogQuery{
		After: *after, Kinds: []factory.EventKind{factory.EventAlarm, factory.EventAudit, factory.EventState}, Limit: 1,
	})
	if err != nil || len(events) > 0 {
		return err
	}
	*after = max(*after, last)
	return a.options.Store.WaitEvents(ctx, *after)
}

// follow reacts to events in order of Seq.
func (a *Alarms) follow(ctx context.Context, events []factory.Event) error {
	for _, e := range events {
		switch e.Kind {
		case factory.EventAudit:
			kind, id, _ := strings.Cut(e.Subject, "/")
			switch factory.DocumentKind(kind) {
			case factory.DocumentAlarmRule:
				changed, err := a.readRule(ctx, id)
				if err != nil {
					return err
				}
				for _, i := range changed {
					a.mark(i)
				}
			case factory.DocumentMachine:
				a.locate(id)
			}
		case factory.EventAlarm:
			a.locateUnknown(e.Machine)
			if i := a.index.instance(e.Machine, e.Subject); i != nil && e.Seq > i.headSeq.Load() {
				i.setStale()
				a.mark(i)
			}
		case factory.EventState:
			for _, i := range a.index.machine(e.Machine) {
				if rule := i.rule.Load(); rule.When.Op == alarm.InState || len(rule.OnlyInStates) > 0 {
					a.mark(i)
				}
			}
		}
	}
	return nil
}

// readRule puts the present document of a rule in force. It returns the instances
// that have to be judged.
func (a *Alarms) readRule(ctx context.Context, id string) ([]*alarmInstance, error) {
	d, err := a.options.Store.Document(ctx, factory.DocumentAlarmRule, id)
	if errors.Is(err, factory.ErrNotFound) {
		return a.index.setRule(id, nil), nil
	}
	if err == nil && a.index.count.Load() == 0 {
		err = a.loadMachines(ctx) // readings did not tell of them
	}
	if err != nil {
		return nil, err
	}
	return a.setRule(d), nil
}

// ruleChanged puts a rule in force that this process has stored or deleted, before
// the client learns of it: what arrives afterwards is judged by it.
func (a *Alarms) ruleChanged(ctx context.Context, id string) error {
	select {
	case <-a.loaded:
	default:
		return nil // load reads the rule
	}
	changed, err := a.readRule(ctx, id)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	limit := make(chan struct{}, alarmParallel)
	for _, i := range changed {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			if err := a.judge(ctx, i); err != nil {
				failed.Store(&err)
				a.mark(i)
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// DocumentsStored puts rules in force; see ruleChanged. What fails is repeated by the
// workers.
func (a *Alarms) DocumentsStored(ctx context.Context, changes []factory.DocumentChange) {
	for _, c := range changes {
		if c.Kind != factory.DocumentAlarmRule {
			continue
		}
		if err := a.ruleChanged(ctx, c.ID); err != nil {
			a.options.Failed(err)
		}
	}
}

// runSweeps stores progress until ctx ends.
func (a *Alarms) runSweeps(ctx context.Context) {
	ticker := time.NewTicker(alarmSweep)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := a.sweep(ctx); err != nil && !a.pause(ctx, err) {
				return
			}
		}
	}
}

// runTimers ends delays, shelves and pauses while this process is the leader.
func (a *Alarms) runTimers(ctx context.Context) error {
	a.leading.Store(true)
	defer a.leading.Store(false)
	for _, i := range a.index.instances() {
		a.mark(i) // a former leader may have left readings and timers
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.timer:
		case <-timer.C:
		}
		now, next := a.options.Now(), int64(math.MaxInt64)
		for _, i := range a.index.instances() {
			if at := i.wakeAt.Load(); at <= now {
				i.wakeAt.Store(math.MaxInt64)
				a.mark(i)
			} else {
				next = min(next, at)
			}
		}
		// Clocks are set, so the wait is bounded.
		timer.Reset(time.Duration(min(max(next-now, minAlarmWait), maxAlarmWait)) * time.Millisecond)
	}
}

// The bounds of the time between two looks at the timers, in milliseconds.
const (
	minAlarmWait = 20
	maxAlarmWait = 1000
)

// wake sets when an instance is looked at again.
func (a *Alarms) wake(i *alarmInstance, at int64) {
	before := i.wakeAt.Swap(at)
	if at < before {
		select {
		case a.timer <- struct{}{}:
		default:
		}
	}
}
