package alarm

import (
	"fmt"

	"smart-factory-backend/app/factory"
)

// ActionKind is what a person does with an alarm.
type ActionKind string

// The actions.
const (
	Ack               ActionKind = "ack"
	ShelveIt          ActionKind = "shelve"
	Unshelve          ActionKind = "unshelve"
	ResetIt           ActionKind = "reset"
	TakeOutOfService  ActionKind = "out_of_service"
	ReturnToOperation ActionKind = "return"
)

// ActionKinds are all actions.
var ActionKinds = []ActionKind{Ack, ShelveIt, Unshelve, ResetIt, TakeOutOfService, ReturnToOperation}

// Action is what a person does with one occurrence.
type Action struct {
	Kind ActionKind
	// Alarm is the ID of the occurrence. Actions other than Ack and ResetIt concern
	// the rule on the machine, whichever of its occurrences is named.
	Alarm string
	// By is who does it, At when, on the server's clock.
	By string
	At int64
	// Note or Reason are what that person says; Until is the end of a shelf.
	Note, Reason string
	Until        int64
}

// StateError is the error of an action that the state of the alarm forbids. It wraps
// factory.ErrConflict.
type StateError struct {
	Action ActionKind
	// State is the phase, or what hides the alarm.
	State string
}

func (e *StateError) Error() string {
	return fmt.Sprintf("the alarm is %s, which does not allow %s", e.State, e.Action)
}

// Unwrap returns factory.ErrConflict.
func (e *StateError) Unwrap() error { return factory.ErrConflict }

// Act performs an action. It returns no transition and no error if the action was
// done before, and a *StateError if the state forbids it. The state must have the
// occurrence; see Find.
func (r *Rule) Act(s *State, a Action) ([]Transition, error) {
	o := s.Find(a.Alarm)
	if o == nil {
		return nil, fmt.Errorf("alarm %q: %w", a.Alarm, factory.ErrNotFound)
	}
	c := recorder{state: s}
	var t *Transition
	done := false
	switch a.Kind {
	case Ack:
		t, done = r.acknowledge(&c, o, a)
	case ResetIt:
		if done = o.Reset; o.Phase == Latched {
			o.Reset = true
			t = c.enter(Reset, a.At, Normal)
		}
	case ShelveIt:
		if done = s.Shelf != nil && s.Shelf.Until == a.Until; !done {
			t = c.hide(a.At, func() { s.Shelf, s.Unshelved = &Shelf{Until: a.Until, By: a.By, Reason: a.Reason}, false }, ActiveUnacked)
		}
	case Unshelve:
		if done = s.Unshelved; s.Shelf != nil {
			t = c.unshelve(a)
		}
	case TakeOutOfService:
		if done = s.OutOfService; !done {
			t = c.hide(a.At, func() { s.OutOfService, s.InService = true, false }, ActiveUnacked)
		}
	case ReturnToOperation:
		if done = s.InService; s.OutOfService {
			t = c.hide(a.At, func() { s.OutOfService, s.InService = false, true }, ActiveUnacked)
		}
	}
	if t == nil {
		if done {
			return nil, nil
		}
		return nil, forbidden(s, o, a.Kind)
	}
	t.By, t.Note = a.By, a.Note
	if t.Note == "" {
		t.Note = a.Reason
	}
	if t.Note != "" {
		t.Occurrence().Note = t.Note
		if o == &s.Current {
			o.Note = t.Note
		}
	}
	return c.list, nil
}

// acknowledge acknowledges an occurrence. done reports that it was acknowledged
// before.
func (r *Rule) acknowledge(c *recorder, o *Occurrence, a Action) (t *Transition, done bool) {
	if o.AckedAt != 0 || o.Phase == ActiveAcked || o.Phase == Latched {
		return nil, true
	}
	next := Normal
	switch {
	case o.Phase == ActiveUnacked && o.Active:
		next = ActiveAcked
	case o.Phase == ActiveUnacked:
		next = Latched
	case o.Phase != ReturnedUnacked:
		return nil, false
	}
	o.AckedBy, o.AckedAt = a.By, a.At
	if o.FirstAckedAt == 0 {
		o.FirstAckedAt = a.At
	}
	if o == &c.state.Current {
		return c.enter(Acked, a.At, next), false
	}
	from, acked := o.Phase, *o
	acked.Phase, acked.Since = next, max(a.At, o.Since)
	c.state.removeEarlier(o.ID)
	return c.addEarlier(Acked, acked.Since, string(from), string(next), &acked), false
}

func (s *State) removeEarlier(id string) {
	for i := range s.Earlier {
		if s.Earlier[i].ID == id {
			s.Earlier = append(s.Earlier[:i:i], s.Earlier[i+1:]...)
			return
		}
	}
}

// unshelve ends a shelf by hand: an active alarm counts as acknowledged.
func (c *recorder) unshelve(a Action) *Transition {
	s := c.state
	t := c.hide(a.At, func() { s.Shelf, s.Unshelved = nil, true }, ActiveAcked)
	if o := &s.Current; s.Hidden() == Visible && o.Phase == ActiveAcked && o.AckedAt == 0 {
		o.AckedBy, o.AckedAt = a.By, a.At
		if o.FirstAckedAt == 0 {
			o.FirstAckedAt = a.At
		}
		t.After.Current = *o
	}
	return t
}

// forbidden returns the error of an action that the state does not allow.
func forbidden(s *State, o *Occurrence, kind ActionKind) error {
	state := string(o.Phase)
	if h := s.Hidden(); h != Visible && (kind == Unshelve || kind == ReturnToOperation) {
		state = string(h)
	}
	return &StateError{Action: kind, State: state}
}
