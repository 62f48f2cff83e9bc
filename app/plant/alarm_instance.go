package plant

import (
	"math"
	"sync"
	"sync/atomic"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
)

// alarmRule is a rule with the version of its document.
type alarmRule struct {
	alarm.Rule
	version int64
	// since is when the document was last changed, on the server's clock.
	since int64
}

// alarmInstance is a rule on one machine.
type alarmInstance struct {
	machine string
	// rule is replaced when its document changes.
	rule atomic.Pointer[alarmRule]
	// view is the state as far as the journal has it, advanced by readings that
	// changed nothing. It is replaced, never changed.
	view atomic.Pointer[alarm.State]
	// newest is the time of the newest reading that this process has seen.
	// newestAt is when it arrived.
	newest, newestAt atomic.Int64
	// due is the time of the machine's clock at which a reading ends a delay.
	due atomic.Int64
	// wakeAt is the time of the server's clock at which a timer ends.
	wakeAt atomic.Int64
	// headSeq is head for readers without the lock.
	headSeq atomic.Int64
	// ended is set when the rule no longer applies to the machine.
	ended atomic.Bool
	// moved is set if the machine has come into the scope of the rule.
	moved atomic.Bool

	mu sync.Mutex
	// queued is set while the instance waits for a worker or is worked on, and again
	// if it has to be worked on once more.
	queued, again bool
	// stale is set if the journal has events of the instance that are not in view.
	stale bool
	// late are the times of readings that arrived late while the instance was queued.
	late []int64
	// ignored is set if a late reading would have mattered: the progress must be
	// stored so that no other process judges it.
	ignored bool

	// work is locked by the worker. It guards what follows.
	work sync.Mutex
	// head is the Seq of the newest event, 0 if there is none, and headAt its
	// ObservedAt.
	head, headAt int64
	// judgedAt is when the newest judged reading arrived, on the server's clock.
	judgedAt int64
	// lookedAt is when the instance was judged last, on the server's clock.
	lookedAt int64
	// announced reports that the leader knows of a delay, since announcedAt.
	announced   bool
	announcedAt int64
	// saved is the time up to which the progress is stored, seen the newest reading at
	// the last sweep.
	saved, seen int64
}

func newAlarmInstance(rule *alarmRule, machine string) *alarmInstance {
	i := &alarmInstance{machine: machine}
	i.stale = true
	i.rule.Store(rule)
	i.publish(rule, &alarm.State{})
	i.wakeAt.Store(math.MaxInt64)
	return i
}

func (i *alarmInstance) setStale() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.stale = true
}

// publish makes a state visible to the ingest path and to readers.
func (i *alarmInstance) publish(rule *alarmRule, s *alarm.State) {
	due, ok := rule.Due(s)
	if !ok {
		due = math.MaxInt64
	}
	i.due.Store(due)
	i.view.Store(s)
	for {
		newest := i.newest.Load()
		if newest >= s.Judged || i.newest.CompareAndSwap(newest, s.Judged) {
			return
		}
	}
}

// observe looks at a reading on the ingest path and reports whether it may matter: it
// changes the condition, or it ends a delay.
func (i *alarmInstance) observe(r *factory.Reading, now int64) bool {
	rule, at, value := i.rule.Load(), r.ObservedAt, r.Value
	if r.Text != nil && rule.When.OfValues() {
		return false
	}
	for {
		newest := i.newest.Load()
		if at <= newest {
			return i.observeLate(rule, at, value, newest)
		}
		if i.newest.CompareAndSwap(newest, at) {
			i.newestAt.Store(now)
			break
		}
	}
	s := i.view.Load()
	switch rule.When.Op {
	case alarm.WithoutAny:
		return s.Judged == 0 || at >= i.due.Load() || s.Violated || s.Current.Active
	case alarm.InState:
		return false
	}
	return s.Judged == 0 || at >= i.due.Load() || rule.When.Holds(s.Violated, value) != s.Violated
}

// observeLate notes a late reading that must not be judged. It reports whether the
// progress has to be stored, because the reading would have mattered.
func (i *alarmInstance) observeLate(rule *alarmRule, at int64, value float64, newest int64) bool {
	if !rule.When.OfValues() || at == newest {
		return false
	}
	s := i.view.Load()
	if at <= s.Judged || rule.When.Holds(s.Violated, value) == s.Violated {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.late) < maxLateReadings {
		i.late = append(i.late, at)
	}
	i.ignored = true
	return true
}

// maxLateReadings is the most late readings that are remembered while an instance
// waits for its evaluation.
const maxLateReadings = 10_000
