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
	// watch, newest and newestAt are all that most readings need.
	watch atomic.Pointer[alarmWatch]
	// newest is the time of the newest reading that this process has seen.
	// newestAt is when it arrived.
	newest, newestAt atomic.Int64
	machine          string
	// rule is replaced when its document changes.
	rule atomic.Pointer[alarmRule]
	// view is the state as far as the journal has it, advanced by readings that
	// changed nothing. It is replaced, never changed.
	view atomic.Pointer[alarm.State]
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
	i.view.Store(s)
	i.watch.Store(newAlarmWatch(rule, s))
	for {
		newest := i.newest.Load()
		if newest >= s.Judged || i.newest.CompareAndSwap(newest, s.Judged) {
			return
		}
	}
}

// alarmWatch is what the ingest path needs to know of an instance.
type alarmWatch struct {
	// calm is the range of values that leave the condition as it is, or that do not if
	// inverted.
	calmLow, calmHigh float64
	inverted          bool
	// due is the time of the machine's clock at which a reading ends a delay.
	due int64
	// always says that every reading matters, values that only numbers are judged.
	always, values bool
}

func newAlarmWatch(rule *alarmRule, s *alarm.State) *alarmWatch {
	w := &alarmWatch{due: math.MaxInt64, calmLow: math.Inf(-1), calmHigh: math.Inf(1)}
	if due, ok := rule.Due(s); ok {
		w.due = due
	}
	if w.values = rule.When.OfValues(); w.values {
		w.calmLow, w.calmHigh, w.inverted = rule.When.Calm(s.Violated)
		w.always = s.Judged == 0
	} else {
		w.always = s.Judged == 0 || s.Violated || s.Current.Active
	}
	return w
}

func (w *alarmWatch) calm(value float64) bool {
	return (value >= w.calmLow && value <= w.calmHigh) != w.inverted
}

// observe looks at a reading on the ingest path and reports whether it may matter: it
// changes the condition, or it ends a delay.
func (i *alarmInstance) observe(r *factory.Reading, now int64) bool {
	if r.Text != nil && i.watch.Load().values {
		return false
	}
	for {
		newest := i.newest.Load()
		if r.ObservedAt <= newest {
			return i.observeLate(r.ObservedAt, r.Value, newest)
		}
		if i.newest.CompareAndSwap(newest, r.ObservedAt) {
			i.newestAt.Store(now)
			break
		}
	}
	w := i.watch.Load() // after newest has been set, as the worker checks in reverse order
	return w.always || r.ObservedAt >= w.due || !w.calm(r.Value)
}

// observeLate notes a late reading that must not be judged. It reports whether the
// progress has to be stored, because the reading would have mattered.
func (i *alarmInstance) observeLate(at int64, value float64, newest int64) bool {
	w := i.watch.Load()
	if !w.values || at == newest || w.calm(value) || at <= i.view.Load().Judged {
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
