package alarm

import "smart-factory-backend/app/factory"

// Item is an occurrence as clients see it.
type Item struct {
	ID       string   `json:"id"`
	Rule     string   `json:"rule"`
	Name     string   `json:"name"`
	Machine  string   `json:"machine"`
	Metric   string   `json:"metric"`
	Severity Severity `json:"severity"`
	State    Phase    `json:"state"`
	Hidden   Hiding   `json:"hidden,omitempty"`
	// RaisedAt is the time of the activation, Since that of the last change of State.
	RaisedAt int64    `json:"raised_at"`
	Since    int64    `json:"since"`
	Value    *float64 `json:"value"`
	Limit    *float64 `json:"limit"`
	AckedBy  string   `json:"acked_by"`
	// AckedAt and ShelvedUntil are nil while they do not apply.
	AckedAt       *int64 `json:"acked_at"`
	ShelvedUntil  *int64 `json:"shelved_until"`
	Note          string `json:"note"`
	Cause         string `json:"cause"`
	Consequence   string `json:"consequence"`
	Response      string `json:"response"`
	TimeToRespond string `json:"time_to_respond"`
	// Seq is that of the last transition.
	Seq int64 `json:"seq"`
}

// NewItem returns an occurrence of a rule on a machine, with s as the present state of
// the instance. rule is nil if it has been deleted.
func NewItem(id string, rule *Rule, machine string, s *State, o *Occurrence) Item {
	item := Item{
		ID: o.ID, Rule: id, Name: o.Name, Machine: machine, Metric: s.Metric, Severity: o.Severity, State: o.Phase,
		RaisedAt: o.RaisedAt, Since: o.Since, Value: o.Value, Limit: o.Limit, AckedBy: o.AckedBy, Note: o.Note, Seq: o.Seq,
	}
	if o.AckedAt != 0 {
		item.AckedAt = &o.AckedAt
	}
	if rule != nil {
		item.Name, item.Metric = rule.Name, rule.Metric
		item.Cause, item.Consequence, item.Response, item.TimeToRespond = rule.Cause, rule.Consequence, rule.Response, rule.TimeToRespond
	}
	if item.Name == "" {
		item.Name = id
	}
	if o.ID == s.Current.ID {
		item.Hidden = s.Hidden()
		if s.Shelf != nil {
			item.ShelvedUntil = &s.Shelf.Until
		}
	}
	return item
}

// Step is a transition as clients see it.
type Step struct {
	Seq    int64    `json:"seq"`
	At     int64    `json:"at"`
	Change Change   `json:"change"`
	From   string   `json:"from"`
	To     string   `json:"to"`
	By     string   `json:"by"`
	Note   string   `json:"note"`
	Value  *float64 `json:"value"`
}

// NewStep returns the step of an event.
func NewStep(t *Transition, seq int64, by string) Step {
	return Step{Seq: seq, At: t.At, Change: t.Change, From: t.From, To: t.To, By: by, Note: t.Note, Value: t.Value}
}

// Query selects occurrences.
type Query struct {
	// State is a phase, what hides an alarm, or one of the words below.
	State string
	// Severity and Rule select by equality; "" selects all.
	Severity Severity
	Rule     string
	// Scope selects by machine.
	Scope factory.Scope
	// From (inclusive) and To (exclusive) limit RaisedAt.
	From, To int64
	// Cursor is the cursor of the previous page, "" for the first one; Limit is the
	// most items of a page.
	Cursor string
	Limit  int
}

// Words for State.
const (
	// StateOpen: visible alarms that are not normal. It is the default.
	StateOpen = "open"
	// StateUnacked: visible alarms that need an acknowledgement.
	StateUnacked = "unacked"
	// StateActive: visible alarms whose condition holds.
	StateActive = "active"
	// StateHidden: alarms that are kept from the operator.
	StateHidden = "hidden"
	// StateAll: all alarms, also those that are normal again.
	StateAll = "all"
)

// QueryStates are the values of Query.State.
var QueryStates = []string{
	StateOpen, StateUnacked, StateActive, StateHidden, StateAll, string(Shelved), string(Suppressed), string(OutOfService),
	string(ActiveUnacked), string(ActiveAcked), string(ReturnedUnacked), string(Latched), string(Normal),
}

// Selects reports whether q selects an item by its state, severity, rule and time.
func (q *Query) Selects(i *Item) bool {
	if q.Severity != "" && q.Severity != i.Severity || q.Rule != "" && q.Rule != i.Rule || i.RaisedAt < q.From || i.RaisedAt >= q.To {
		return false
	}
	visible := i.Hidden == Visible
	switch q.State {
	case StateAll:
		return true
	case StateOpen, "":
		return visible && i.State != Normal
	case StateUnacked:
		return visible && (i.State == ActiveUnacked || i.State == ReturnedUnacked)
	case StateActive:
		return visible && (i.State == ActiveUnacked || i.State == ActiveAcked)
	case StateHidden:
		return !visible
	}
	return q.State == string(i.Hidden) || visible && q.State == string(i.State)
}
