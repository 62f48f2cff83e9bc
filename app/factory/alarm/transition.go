package alarm

import "slices"

// Change is the kind of a Transition.
type Change string

// The changes.
const (
	// Raised: a new occurrence.
	Raised Change = "raised"
	// Acked: somebody has acknowledged.
	Acked Change = "acked"
	// Returned: the condition has ended.
	Returned Change = "returned"
	// Reactivated: the condition of a latched alarm holds again.
	Reactivated Change = "reactivated"
	// Reset: somebody has reset a latched alarm.
	Reset Change = "reset"
	// ReAlarmed: an acknowledged alarm needs attention again.
	ReAlarmed Change = "re_alarmed"
	// Hid and Shown: the alarm was hidden from the operator or is shown again.
	Hid   Change = "hidden"
	Shown Change = "shown"
	// Closed: the occurrence has ended because it is superseded or its rule does not
	// apply any more.
	Closed Change = "closed"
	// Pending: a delay has begun whose end needs a timer. Nothing else has changed.
	Pending Change = "pending"
	// Settled: readings up to State.Judged have changed nothing, and no timer is
	// needed.
	Settled Change = "settled"
)

// Visible reports whether the change is of interest to anyone but the evaluator.
func (c Change) Visible() bool { return c != Pending && c != Settled }

// Transition is one step of an alarm. Its JSON is the Data of a factory.EventAlarm,
// whose Machine and Subject name the machine and the rule.
type Transition struct {
	Change Change `json:"change"`
	// At is when it happened, on the machine's clock if a reading or a delay caused
	// it, otherwise on the server's.
	At int64 `json:"at"`
	// From and To are phases, or what hides the alarm where that changes.
	From string `json:"from"`
	To   string `json:"to"`
	// By is who caused it, "" for the server. It is By of the event.
	By string `json:"-"`
	// Note is what that person said.
	Note string `json:"note,omitempty"`
	// Value is the newest judged value, nil for conditions without.
	Value *float64 `json:"value,omitempty"`
	// Earlier is the occurrence after the transition if it is not After.Current.
	Earlier *Occurrence `json:"earlier,omitempty"`
	// After is the state after the transition, without State.Earlier.
	After State `json:"after"`
}

// Occurrence returns the occurrence that the transition is about, as it is after it.
func (t *Transition) Occurrence() *Occurrence {
	if t.Earlier != nil {
		return t.Earlier
	}
	return &t.After.Current
}

// Follow completes a transition with what is known about the events before it. s is
// the state to which all earlier transitions were applied.
func (t *Transition) Follow(s *State) {
	for _, o := range []*Occurrence{&t.After.Current, t.Earlier} {
		if o == nil {
			continue
		}
		if known := s.Find(o.ID); known != nil {
			o.Seq, o.RaisedSeq, o.AckedSeq = known.Seq, known.RaisedSeq, known.AckedSeq
		}
	}
}

// Apply brings s to the state after a transition whose event has the given Seq. The
// state of a rule on a machine is rebuilt by applying its events in order of Seq, to
// the zero State. It suffices to begin with the newest event, or if that has an
// EarlierFrom, with the events from that time on.
func (s *State) Apply(t Transition, seq int64) {
	t.Follow(s)
	if t.Change.Visible() {
		o := t.Occurrence()
		o.Seq = seq
		switch t.Change {
		case Raised:
			o.RaisedSeq = seq
		case Acked:
			o.AckedSeq = seq
		}
	}
	earlier := s.Earlier
	if t.Change == Raised && s.Current.Phase == ReturnedUnacked {
		earlier = append(slices.Clip(earlier), s.Current)
	}
	*s = t.After
	s.Earlier = earlier
	if t.Earlier != nil {
		s.removeEarlier(t.Earlier.ID)
	}
}

// Settle returns the transition that records how far a state is judged.
func (s *State) Settle(change Change, at int64) Transition {
	c := recorder{state: s}
	return *c.add(change, at, string(s.Current.Phase), string(s.Current.Phase))
}

// recorder collects the transitions of one call.
type recorder struct {
	state *State
	list  []Transition
}

// add appends a transition of the current occurrence, which the caller has made.
func (c *recorder) add(change Change, at int64, from, to string) *Transition {
	return c.addEarlier(change, at, from, to, nil)
}

// addEarlier appends a transition of o, an occurrence that is not the current one.
func (c *recorder) addEarlier(change Change, at int64, from, to string, o *Occurrence) *Transition {
	s := c.state
	s.EarlierFrom = 0
	if len(s.Earlier) > 0 {
		s.EarlierFrom = s.Earlier[0].RaisedAt
	}
	t := Transition{Change: change, At: at, From: from, To: to, After: *s}
	t.After.Earlier = nil
	if s.Judged != 0 && s.Current.Value != nil {
		value := s.Value
		t.Value = &value
	}
	if o != nil {
		copied := *o
		t.Earlier = &copied
	}
	c.list = append(c.list, t)
	return &c.list[len(c.list)-1]
}

// enter moves the current occurrence to a phase and records it.
func (c *recorder) enter(change Change, at int64, phase Phase) *Transition {
	o := &c.state.Current
	from := o.Phase
	o.Phase, o.Since = phase, max(at, o.Since)
	return c.add(change, o.Since, string(from), string(phase))
}
