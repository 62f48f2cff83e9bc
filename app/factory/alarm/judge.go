package alarm

import "math"

// MaxEarlier is the most occurrences of a rule on one machine that wait for their
// acknowledgement behind the current one. One more closes the oldest.
const MaxEarlier = 1000

// Read judges a reading. A reading that is not newer than the last judged one
// changes nothing.
func (r *Rule) Read(s *State, machine string, at int64, value float64) []Transition {
	if r.When.Op == WithoutAny {
		return r.Observe(s, machine, at, false, value)
	}
	return r.Observe(s, machine, at, r.When.Holds(s.Violated, value), value)
}

// Observe is Read for a condition that the caller has judged.
func (r *Rule) Observe(s *State, machine string, at int64, violated bool, value float64) []Transition {
	if s.Judged != 0 && at <= s.Judged {
		return nil
	}
	// What was pending ends before the reading; at the same moment, the reading decides.
	transitions := r.Elapse(s, machine, at-1)
	if violated != s.Violated || s.HeldSince == 0 {
		s.Violated, s.HeldSince = violated, at
	}
	s.Metric, s.Judged, s.Value = r.Metric, at, value
	return append(transitions, r.Elapse(s, machine, at)...)
}

// Due returns when on the machine's clock something happens if no reading comes
// before. ok is false if nothing does.
func (r *Rule) Due(s *State) (at int64, ok bool) {
	active := s.Current.Active
	switch {
	case s.Judged == 0:
		return 0, false
	case s.Violated && !active:
		return s.HeldSince + r.OnDelay.Milliseconds(), true
	case !s.Violated && active:
		return s.HeldSince + r.OffDelay.Milliseconds(), true
	case !s.Violated && r.When.Op == WithoutAny:
		return s.Judged + r.When.For.Milliseconds(), true
	}
	return 0, false
}

// Elapse tells the state that the machine's clock has reached at, with no reading
// since the last judged one.
func (r *Rule) Elapse(s *State, machine string, at int64) []Transition {
	c := recorder{state: s}
	for {
		due, ok := r.Due(s)
		if !ok || due > at {
			return c.list
		}
		switch {
		case s.Violated:
			r.activate(&c, machine, due)
		case s.Current.Active:
			r.deactivate(&c, due)
		default: // nothing came for too long
			s.Violated, s.HeldSince = true, due
		}
	}
}

// activate sets the memory of the condition.
func (r *Rule) activate(c *recorder, machine string, at int64) {
	s := c.state
	o := &s.Current
	switch {
	case o.Phase == Latched:
		o.Active, o.ReturnedAt = true, 0
		c.enter(Reactivated, at, ActiveAcked)
		return
	case o.Phase == ActiveUnacked: // latching, and not acknowledged since
		o.Active, o.ReturnedAt = true, 0
		c.add(Reactivated, at, string(ActiveUnacked), string(ActiveUnacked))
		return
	case o.Phase == ReturnedUnacked && s.Hidden() != Visible:
		c.enter(Closed, at, Normal) // nobody could see it
	case o.Phase == ReturnedUnacked:
		s.Earlier = append(s.Earlier, *o)
	}
	s.Count++
	next := Occurrence{
		ID: occurrenceID(r.ID, machine, at, s.Count), Phase: ActiveUnacked, Active: true,
		RaisedAt: at, Since: at, Name: r.Name, Severity: r.Severity, Limit: r.When.limit(s.Value),
	}
	if r.When.OfValues() {
		value := s.Value
		next.Value = &value
	}
	s.Current = next
	c.add(Raised, at, string(Normal), string(ActiveUnacked))
	if len(s.Earlier) > MaxEarlier {
		oldest := s.Earlier[0]
		s.Earlier = s.Earlier[1:]
		c.closeEarlier(&oldest, at)
	}
}

// deactivate clears the memory of the condition.
func (r *Rule) deactivate(c *recorder, at int64) {
	o := &c.state.Current
	o.Active, o.ReturnedAt = false, max(at, o.RaisedAt)
	switch {
	case o.Phase == ActiveUnacked && r.Latching && r.AckRequired:
		c.add(Returned, at, string(ActiveUnacked), string(ActiveUnacked)) // until somebody acknowledges it
	case r.Latching:
		c.enter(Returned, at, Latched)
	case o.Phase == ActiveUnacked && r.AckRequired:
		c.enter(Returned, at, ReturnedUnacked)
	default:
		c.enter(Returned, at, Normal)
	}
}

// closeEarlier ends an occurrence that was removed from Earlier.
func (c *recorder) closeEarlier(o *Occurrence, at int64) {
	from := o.Phase
	o.Phase, o.Since = Normal, max(at, o.Since)
	c.addEarlier(Closed, o.Since, string(from), string(Normal), o)
}

// Suppress says whether the alarm is suppressed by design. That is a transition only
// while there is an alarm.
func (r *Rule) Suppress(s *State, at int64, suppressed bool) []Transition {
	if suppressed == s.Suppressed {
		return nil
	}
	if !s.Current.Open() {
		s.Suppressed = suppressed
		return nil
	}
	c := recorder{state: s}
	c.hide(at, func() { s.Suppressed = suppressed }, ActiveUnacked)
	return c.list
}

// Tick tells the state the server's time: shelves end, and acknowledged alarms need
// attention again.
func (r *Rule) Tick(s *State, now int64) []Transition {
	c := recorder{state: s}
	if s.Shelf != nil && now >= s.Shelf.Until {
		c.hide(s.Shelf.Until, func() { s.Shelf, s.Unshelved = nil, false }, ActiveUnacked)
	}
	if r.reminderDue(s) <= now {
		r.remind(&c, r.reminderDue(s))
	}
	return c.list
}

// TickDue returns the server's time at which Tick next has something to do. ok is
// false if there is none.
func (r *Rule) TickDue(s *State) (at int64, ok bool) {
	at = r.reminderDue(s)
	if s.Shelf != nil {
		at = min(at, s.Shelf.Until)
	}
	return at, at != math.MaxInt64
}

func (r *Rule) reminderDue(s *State) int64 {
	if r.ReAlarm == 0 || s.Current.Phase != ActiveAcked || s.Hidden() != Visible {
		return math.MaxInt64
	}
	return s.Current.AckedAt + r.ReAlarm.Milliseconds()
}

// Escalate says that a more severe alarm of the same machine and metric was raised.
func (r *Rule) Escalate(s *State, at int64) []Transition {
	c := recorder{state: s}
	if s.Current.Phase == ActiveAcked && s.Hidden() == Visible {
		r.remind(&c, at)
	}
	return c.list
}

func (r *Rule) remind(c *recorder, at int64) {
	o := &c.state.Current
	o.AckedAt, o.AckedBy = 0, ""
	c.enter(ReAlarmed, at, ActiveUnacked)
}

// End closes all occurrences, because the rule does not apply to the machine any
// more, and forgets what was judged.
func (s *State) End(at int64, why string) []Transition {
	c := recorder{state: s}
	for _, o := range s.Earlier {
		s.Earlier = s.Earlier[1:]
		c.closeEarlier(&o, at)
	}
	if s.Current.Open() {
		s.Current.Active = false
		c.enter(Closed, at, Normal)
	}
	if len(c.list) > 0 {
		*s = State{Count: s.Count, Current: s.Current}
		last := &c.list[len(c.list)-1]
		last.After = *s
	}
	for i := range c.list {
		c.list[i].Note = why
	}
	return c.list
}

// hide changes what hides the alarm and records what follows. An active alarm that
// is shown again enters the phase shown.
func (c *recorder) hide(at int64, change func(), shown Phase) *Transition {
	s := c.state
	before := s.Hidden()
	change()
	after := s.Hidden()
	o := &s.Current
	word := func(h Hiding) string {
		if h == Visible {
			return string(o.Phase)
		}
		return string(h)
	}
	from := word(before)
	if after != Visible {
		return c.add(Hid, at, from, word(after))
	}
	switch phase := o.Phase; {
	case phase == ReturnedUnacked:
		o.Phase = Normal
	case phase == ActiveUnacked && shown == ActiveAcked && !o.Active:
		o.Phase = Latched
	case phase == ActiveUnacked || phase == ActiveAcked:
		o.Phase = shown
		if shown == ActiveUnacked {
			o.AckedAt, o.AckedBy = 0, ""
		}
	}
	o.Since = max(at, o.Since)
	return c.add(Shown, at, from, word(after))
}
