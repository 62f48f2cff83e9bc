package plant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
	"smart-factory-backend/app/factory/timeline"
)

// judge brings an instance up to date: with the journal, with the readings that were
// stored since the last judged one, and with the time.
func (a *Alarms) judge(ctx context.Context, i *alarmInstance) error {
	i.work.Lock()
	defer i.work.Unlock()
	if err := a.catchUp(ctx, i); err != nil {
		return err
	}
	for {
		more, err := a.judgeOnce(ctx, i)
		switch {
		case errors.Is(err, factory.ErrConflict): // another replica was first
			err = a.reload(ctx, i)
			more = true
		case errors.Is(err, factory.ErrNotFound): // the machine was deleted meanwhile
			return nil
		}
		if err != nil {
			return fmt.Errorf("judge the alarms of machine %q: %w", i.machine, err)
		}
		if !more {
			return nil
		}
	}
}

// judgeOnce judges once. more reports that further readings came meanwhile.
func (a *Alarms) judgeOnce(ctx context.Context, i *alarmInstance) (more bool, err error) {
	x, rule, now := a.index, i.rule.Load(), a.options.Now()
	s := *i.view.Load()
	if i.ended.Load() {
		return false, a.store(ctx, i, rule, s.End(now, "the rule no longer applies to the machine"), &s)
	}
	suppressed, err := a.suppressed(ctx, x, i, rule, now)
	if err != nil {
		return false, err
	}
	transitions := rule.Suppress(&s, now, suppressed)
	judged := s.Judged
	if s.RuleVersion != rule.version {
		rebased, err := a.rebase(ctx, i, rule, &s, now)
		if err != nil {
			return false, err
		}
		transitions = append(transitions, rebased...)
	}
	read, err := a.readOn(ctx, i, rule, &s, now)
	if err != nil {
		return false, err
	}
	transitions = append(transitions, read...)
	if s.Judged > judged {
		switch i.judgedAt = now; {
		case i.newest.Load() == s.Judged && i.newestAt.Load() != 0:
			i.judgedAt = i.newestAt.Load()
		case s.Judged >= i.lookedAt && s.Judged <= now && i.lookedAt != 0:
			i.judgedAt = s.Judged // another replica has received it, and the machine's clock is right
		}
	}
	i.lookedAt = now
	if a.leading.Load() {
		if at, ok := i.dueAt(rule, &s); ok && at <= now {
			transitions = append(transitions, rule.Elapse(&s, i.machine, s.Judged+now-i.judgedAt)...)
		}
		transitions = append(transitions, rule.Tick(&s, now)...)
	}
	if x.escalated(i, rule, &s) {
		transitions = append(transitions, rule.Escalate(&s, now)...)
	}
	active := i.view.Load().Current.Active
	if err := a.store(ctx, i, rule, transitions, &s); err != nil {
		return false, err
	}
	if len(transitions) > 0 && (active || s.Current.Active) {
		for _, other := range x.affected(i, rule) {
			a.mark(other)
		}
	}
	if err := a.announce(ctx, i, rule); err != nil {
		return false, err
	}
	a.wakeFor(i, rule)
	return s.Judged > judged && i.newest.Load() > s.Judged, a.saveIgnored(ctx, i)
}

func (a *Alarms) suppressed(ctx context.Context, x *alarmIndex, i *alarmInstance, rule *alarmRule, now int64) (bool, error) {
	if len(rule.OnlyInStates) > 0 {
		segments, err := a.segments(ctx, i.machine, factory.Span{From: now - 1, To: now})
		if err != nil {
			return false, err
		}
		if n := len(segments); n > 0 && !slices.Contains(rule.OnlyInStates, segments[n-1].State) {
			return true, nil
		}
	}
	return x.suppressed(i.machine, rule), nil
}

// segments returns the timeline of a machine, nil if it has none.
func (a *Alarms) segments(ctx context.Context, machine string, span factory.Span) ([]timeline.Segment, error) {
	if a.options.Timelines == nil {
		return nil, nil
	}
	t, err := a.options.Timelines.Timeline(ctx, machine, span)
	return t.Segments, err
}

// dueAt returns when a delay ends on the server's clock if no reading comes before.
func (i *alarmInstance) dueAt(rule *alarmRule, s *alarm.State) (at int64, ok bool) {
	due, ok := rule.Due(s)
	return i.judgedAt + due - s.Judged, ok
}

// wakeFor sets the timer of an instance.
func (a *Alarms) wakeFor(i *alarmInstance, rule *alarmRule) {
	s, at := i.view.Load(), int64(math.MaxInt64)
	if due, ok := i.dueAt(rule, s); ok {
		at = due
	}
	if due, ok := rule.TickDue(s); ok {
		at = min(at, due)
	}
	if i.announced && a.leading.Load() && !pending(rule, s) {
		at = min(at, i.announcedAt+settleAfter)
	}
	a.wake(i, at)
}

// settleAfter is how long the announcement of a delay holds at least, in
// milliseconds: a value that flaps around its limit does not fill the journal.
const settleAfter = 10_000

// pending reports whether a delay has begun that needs a timer. The leader looks at
// machines that may fall silent without being told.
func pending(rule *alarmRule, s *alarm.State) bool {
	_, due := rule.Due(s)
	return due && (rule.When.Op != alarm.WithoutAny || s.Violated || s.Current.Active)
}

// announce tells the leader in the journal that a delay has begun that it has to end
// if nothing more arrives. The leader takes that back when there is no delay any more.
func (a *Alarms) announce(ctx context.Context, i *alarmInstance, rule *alarmRule) error {
	s := *i.view.Load()
	pending := pending(rule, &s)
	change := alarm.Settled
	if pending {
		change = alarm.Pending
	}
	if pending == i.announced || pending == a.leading.Load() || !pending && a.options.Now() < i.announcedAt+settleAfter {
		return nil
	}
	return a.store(ctx, i, rule, []alarm.Transition{s.Settle(change, max(s.Judged, i.headAt))}, &s)
}

// rebase begins to judge by a rule that is new or has changed: by the newest reading,
// not by those before it. A metric that is younger than the rule is judged from its
// first reading on.
func (a *Alarms) rebase(ctx context.Context, i *alarmInstance, rule *alarmRule, s *alarm.State, now int64) ([]alarm.Transition, error) {
	known := i.head != 0 || i.moved.Load()
	s.RuleVersion = rule.version
	if rule.When.Op == alarm.InState {
		return a.rebaseState(ctx, i, rule, s, now)
	}
	reading, created, err := a.latest(ctx, i.machine, rule.Metric)
	if errors.Is(err, factory.ErrNotFound) { // not registered yet
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !known && created > rule.since {
		return nil, nil
	}
	s.Judged = 0
	if reading.Machine == "" { // everything is still to come
		return []alarm.Transition{s.Settle(alarm.Settled, now)}, nil
	}
	transitions := rule.Read(s, i.machine, reading.ObservedAt, reading.Value)
	if len(transitions) == 0 {
		transitions = []alarm.Transition{s.Settle(alarm.Settled, reading.ObservedAt)}
	}
	return transitions, nil
}

func (a *Alarms) rebaseState(ctx context.Context, i *alarmInstance, rule *alarmRule, s *alarm.State, now int64) ([]alarm.Transition, error) {
	segments, err := a.segments(ctx, i.machine, factory.Span{From: now - 1, To: now})
	if err != nil || len(segments) == 0 {
		return nil, err
	}
	s.Judged = 0
	last := segments[len(segments)-1]
	transitions := rule.Observe(s, i.machine, last.From, last.State == rule.When.State, 0)
	if len(transitions) == 0 {
		transitions = []alarm.Transition{s.Settle(alarm.Settled, last.From)}
	}
	return transitions, nil
}

// latest returns the newest reading of a metric, or of all metrics of a machine if
// metric is "", the zero Reading if there is none, and when the metric or the machine was registered.
func (a *Alarms) latest(ctx context.Context, machine, metric string) (newest factory.Reading, created int64, err error) {
	if metric == "" {
		m, err := a.options.Store.Machine(ctx, machine)
		if err != nil {
			return newest, 0, err
		}
		created = m.CreatedAt
	} else {
		m, err := a.options.Store.Metric(ctx, machine, metric)
		if err != nil {
			return newest, 0, err
		}
		created = m.CreatedAt
	}
	page, err := a.options.Store.Latest(ctx, factory.LatestQuery{Machine: machine, Metric: metric, Limit: alarmPage})
	if err != nil {
		return newest, 0, err
	}
	for _, r := range page.Readings {
		if r.ObservedAt > newest.ObservedAt && (metric == "" || !factory.IsTextCode(r.Value)) {
			newest = r.Reading
		}
	}
	return newest, created, nil
}

// readOn judges what was stored since the last judged reading.
func (a *Alarms) readOn(ctx context.Context, i *alarmInstance, rule *alarmRule, s *alarm.State, now int64) (transitions []alarm.Transition, err error) {
	if rule.When.Op == alarm.InState {
		return a.readStates(ctx, i, rule, s, now)
	}
	q := factory.HistoryQuery{Machine: i.machine, From: s.Judged + 1, To: math.MaxInt64, Limit: pointPage}
	if rule.Metric != "" {
		q.Metrics = []string{rule.Metric}
	}
	var points []factory.Point
	for {
		page, err := a.options.Store.History(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, series := range page.Series {
			points = append(points, series.Points...)
		}
		if rule.Metric != "" {
			transitions = append(transitions, i.readPoints(rule, s, points)...)
			points = points[:0]
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			break
		}
	}
	slices.SortFunc(points, func(p, q factory.Point) int { return int(min(max(p.ObservedAt-q.ObservedAt, -1), 1)) })
	return append(transitions, i.readPoints(rule, s, points)...), nil
}

func (i *alarmInstance) readPoints(rule *alarmRule, s *alarm.State, points []factory.Point) (transitions []alarm.Transition) {
	late := i.takeLate(s.Judged)
	for _, p := range points {
		if !slices.Contains(late, p.ObservedAt) && (!rule.When.OfValues() || !factory.IsTextCode(p.Value)) {
			transitions = append(transitions, rule.Read(s, i.machine, p.ObservedAt, p.Value)...)
		}
	}
	return transitions
}

// readStates judges the states of a machine since the last judged one.
func (a *Alarms) readStates(ctx context.Context, i *alarmInstance, rule *alarmRule, s *alarm.State, now int64) (transitions []alarm.Transition, err error) {
	from := s.Judged
	if from == 0 { // the machine had no state when the rule began
		from = rule.since
	}
	if now <= from {
		return nil, nil
	}
	segments, err := a.segments(ctx, i.machine, factory.Span{From: from, To: now})
	if err != nil {
		return nil, err
	}
	for n, segment := range segments {
		at, violated := segment.From, segment.State == rule.When.State
		if n == len(segments)-1 && violated != s.Violated {
			at = max(at, s.Judged+1) // the present state counts, however late it was reported
		}
		transitions = append(transitions, rule.Observe(s, i.machine, at, violated, 0)...)
	}
	return transitions, nil
}

// store appends transitions to the journal, one after the other, and publishes the
// state that follows from them and from what was judged besides.
func (a *Alarms) store(ctx context.Context, i *alarmInstance, rule *alarmRule, transitions []alarm.Transition, after *alarm.State) error {
	for n := range transitions {
		t := &transitions[n]
		v := *i.view.Load()
		t.Follow(&v)
		data, err := json.Marshal(t)
		if err != nil {
			return err
		}
		e := factory.Event{
			Machine: i.machine, Kind: factory.EventAlarm, Subject: rule.ID, By: t.By,
			ObservedAt: max(t.At, i.headAt), Follows: i.head, Data: data,
		}
		if i.head == 0 {
			e.ID = firstAlarmEvent + rule.ID // no other process appends the first one
		}
		result, err := a.options.Store.Write(ctx, factory.JournalBatch{Events: []factory.Event{e}})
		if err != nil {
			return err
		}
		i.apply(result.Events[0].Event, *t)
	}
	last := alarm.Transition{After: *after}
	v := i.view.Load()
	last.Follow(v)
	last.After.Earlier, last.After.EarlierFrom = v.Earlier, v.EarlierFrom
	i.publish(rule, &last.After)
	return nil
}

// firstAlarmEvent is the beginning of the ID of the first event of a rule on a
// machine. Ids that clients give contain no control characters.
const firstAlarmEvent = "\x1falarm\x1f"

// apply applies an event to the state. The state is not published to the ingest path.
func (i *alarmInstance) apply(e factory.Event, t alarm.Transition) {
	s := *i.view.Load()
	t.By = e.By
	if t.After.Judged > s.Judged || i.judgedAt == 0 {
		i.judgedAt = e.ReceivedAt
	}
	s.Apply(t, e.Seq)
	i.head, i.headAt = e.Seq, e.ObservedAt
	i.headSeq.Store(e.Seq)
	i.announced, i.announcedAt = t.Change == alarm.Pending, e.ReceivedAt
	i.view.Store(&s)
}

// catchUp applies the events of other processes. The state is loaded if it is not.
func (a *Alarms) catchUp(ctx context.Context, i *alarmInstance) error {
	i.mu.Lock()
	stale := i.stale
	i.stale = false
	i.mu.Unlock()
	if !stale {
		return nil
	}
	err := a.reload(ctx, i)
	if err != nil {
		i.setStale()
	}
	return err
}

func (a *Alarms) reload(ctx context.Context, i *alarmInstance) error {
	rule := i.rule.Load()
	if i.head == 0 {
		return a.restore(ctx, i, rule)
	}
	q := factory.LogQuery{After: i.head, Machine: i.machine, Kinds: []factory.EventKind{factory.EventAlarm}, Limit: alarmPage}
	for {
		events, err := a.options.Store.EventsAfter(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range events {
			q.After = e.Seq
			if e.Subject == rule.ID && e.Seq > i.head {
				if err := i.applyEvent(e); err != nil {
					return err
				}
			}
		}
		if len(events) < alarmPage {
			i.publish(rule, i.view.Load())
			return nil
		}
	}
}

func (i *alarmInstance) applyEvent(e factory.Event) error {
	var t alarm.Transition
	if err := json.Unmarshal(e.Data, &t); err != nil {
		return fmt.Errorf("event %d: %w", e.Seq, err)
	}
	i.apply(e, t)
	return nil
}

// restore loads the state from the newest event, and what the events before it say
// about earlier occurrences.
func (a *Alarms) restore(ctx context.Context, i *alarmInstance, rule *alarmRule) error {
	heads, err := a.options.Store.LatestEvents(ctx, factory.LatestEventQuery{Kind: factory.EventAlarm, Machine: i.machine, Subject: rule.ID})
	if err != nil {
		return err
	}
	if len(heads) > 0 {
		if err := i.applyEvent(heads[0]); err != nil {
			return err
		}
	}
	if from := i.view.Load().EarlierFrom; from != 0 {
		i.view.Store(&alarm.State{})
		q := factory.EventQuery{
			Machine: i.machine, Kinds: []factory.EventKind{factory.EventAlarm}, Subject: rule.ID, From: from, To: math.MaxInt64, Limit: alarmPage,
		}
		for {
			page, err := a.options.Store.Events(ctx, q)
			if err != nil {
				return err
			}
			for _, e := range page.Events {
				if err := i.applyEvent(e); err != nil {
					return err
				}
			}
			if q.Cursor = page.NextCursor; q.Cursor == "" {
				break
			}
		}
	}
	if err := a.restoreProgress(ctx, i, rule); err != nil {
		return err
	}
	i.expectData(rule, a.options.Now())
	i.publish(rule, i.view.Load())
	return nil
}

// expectData sets when the newest judged reading arrived, as far as that is known
// after a start: machines get some time to connect again.
func (i *alarmInstance) expectData(rule *alarmRule, now int64) {
	if rule.When.Op != alarm.WithoutAny {
		if i.judgedAt == 0 {
			i.judgedAt = now
		}
		return
	}
	grace := min(alarmGrace, rule.When.For.Milliseconds())
	i.judgedAt = max(min(now, i.view.Load().Judged), now-rule.When.For.Milliseconds()+grace)
	i.lookedAt = i.judgedAt
}

// alarmGrace is how long machines have after a start before a rule finds that they
// send nothing, in milliseconds.
const alarmGrace = int64(15_000)
