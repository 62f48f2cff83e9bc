package alarm

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"
)

// Severity is how urgent an alarm is.
type Severity string

// The severities, in ascending order.
const (
	Low    Severity = "low"
	Medium Severity = "medium"
	High   Severity = "high"
	Urgent Severity = "urgent"
)

// Severities are all severities in ascending order.
var Severities = []Severity{Low, Medium, High, Urgent}

// Above reports whether s is more severe than other.
func (s Severity) Above(other Severity) bool {
	return slices.Index(Severities, s) > slices.Index(Severities, other)
}

// Rule is the content of a document of kind factory.DocumentAlarmRule.
type Rule struct {
	// ID is the id of the document.
	ID string `json:"-"`
	// Name is the display name, "" if there is none.
	Name string `json:"name,omitempty"`
	// Scope or Machine says to which machines the rule applies; ParseRule puts
	// Machine into Scope.
	Scope   *factory.Scope `json:"scope,omitempty"`
	Machine string         `json:"machine,omitempty"`
	// Metric is the metric that is judged. For WithoutAny, "" means all metrics of
	// the machine.
	Metric string    `json:"metric,omitempty"`
	When   Condition `json:"when"`
	// OnDelay is how long the condition must hold to raise an alarm, OffDelay how
	// long it must not hold to end it.
	OnDelay  Duration `json:"on_delay,omitempty"`
	OffDelay Duration `json:"off_delay,omitempty"`
	Severity Severity `json:"severity"`
	// Latching keeps an alarm until somebody resets it.
	Latching bool `json:"latching,omitempty"`
	// AckRequired keeps an alarm that has returned until somebody acknowledges it.
	AckRequired bool `json:"ack_required"`
	// ReAlarm is the time after which an acknowledged alarm that is still active
	// needs another acknowledgement; 0 is never.
	ReAlarm Duration `json:"re_alarm,omitempty"`
	// OnlyInStates suppresses the alarm while the machine is in another state; empty
	// is every state.
	OnlyInStates []timeline.State `json:"only_in_states,omitempty"`
	// SuppressedBy are the ids of rules whose active alarms on the same machine
	// suppress this one.
	SuppressedBy []string `json:"suppressed_by,omitempty"`
	// What a person needs to know at night.
	Cause         string `json:"cause,omitempty"`
	Consequence   string `json:"consequence,omitempty"`
	Response      string `json:"response,omitempty"`
	TimeToRespond string `json:"time_to_respond,omitempty"`
}

// minInterval is the shortest time without data and the shortest time between two
// reminders.
const minInterval = Duration(time.Second)

const (
	maxRuleText     = 4096
	maxSuppressedBy = 100
)

var states = []timeline.State{
	timeline.Running, timeline.Idle, timeline.Setup, timeline.Blocked, timeline.Starved, timeline.Fault, timeline.PlannedStop, timeline.Offline,
}

const stateNames = "running, idle, setup, blocked, starved, fault, planned_stop, offline"

// ParseRule decodes the document of the rule with the given id and checks its
// members. Its error is factory.MemberErrors, or wraps factory.ErrInvalid.
func ParseRule(id string, data []byte) (Rule, error) {
	r := Rule{ID: id, Severity: Medium, AckRequired: true}
	var faults factory.MemberErrors
	if err := factory.DecodeDocument(data, &r); err != nil {
		faults.AddError("", err)
		if faults[0].Pointer == "" {
			return r, err
		}
	}
	r.validateTarget(&faults)
	r.When.validate(&faults, "/when")
	r.validateRelations(&faults)
	r.validateTexts(&faults)
	if r.Scope == nil {
		r.Scope = &factory.Scope{Machine: r.Machine}
	}
	return r, faults.Err()
}

func (r *Rule) validateTarget(faults *factory.MemberErrors) {
	switch {
	case r.Machine != "" && r.Scope != nil:
		faults.Add("/scope", "must not be given together with machine")
	case r.Machine != "":
		faults.AddError("/machine", factory.ValidateName(factory.KindMachine, r.Machine))
	case r.Scope == nil:
		faults.Add("/machine", "is required, unless there is a scope")
	default:
		faults.AddError("/scope", r.Scope.Validate())
	}
	switch {
	case r.Metric != "":
		faults.AddError("/metric", factory.ValidateName(factory.KindMetric, r.Metric))
	case r.When.OfValues():
		faults.Add("/metric", "is required")
	}
}

func (r *Rule) validateRelations(faults *factory.MemberErrors) {
	if !slices.Contains(Severities, r.Severity) {
		faults.Add("/severity", "must be low, medium, high or urgent")
	}
	if r.ReAlarm != 0 && r.ReAlarm < minInterval {
		faults.Add("/re_alarm", "must be at least 1s")
	}
	for i, s := range r.OnlyInStates {
		if !slices.Contains(states, s) {
			faults.Add(fmt.Sprintf("/only_in_states/%d", i), "must be one of "+stateNames)
		} else if slices.Contains(r.OnlyInStates[:i], s) {
			faults.Add(fmt.Sprintf("/only_in_states/%d", i), "appears more than once")
		}
	}
	if len(r.SuppressedBy) > maxSuppressedBy {
		faults.Add("/suppressed_by", fmt.Sprintf("must have at most %d rules", maxSuppressedBy))
		return
	}
	for i, id := range r.SuppressedBy {
		pointer := fmt.Sprintf("/suppressed_by/%d", i)
		switch {
		case id == r.ID:
			faults.Add(pointer, "must be another rule")
		case slices.Contains(r.SuppressedBy[:i], id):
			faults.Add(pointer, "appears more than once")
		default:
			faults.AddError(pointer, factory.ValidateName("rule", id))
		}
	}
}

func (r *Rule) validateTexts(faults *factory.MemberErrors) {
	if r.Name != "" && (len(r.Name) > factory.MaxNameBytes || !printable(r.Name)) {
		faults.Add("/name", fmt.Sprintf("must have at most %d bytes and no control characters", factory.MaxNameBytes))
	}
	for _, text := range []struct{ pointer, text string }{
		{"/cause", r.Cause}, {"/consequence", r.Consequence}, {"/response", r.Response}, {"/time_to_respond", r.TimeToRespond},
	} {
		if len(text.text) > maxRuleText || !printable(text.text) {
			faults.Add(text.pointer, fmt.Sprintf("must have at most %d bytes and no control characters but line breaks and tabs", maxRuleText))
		}
	}
}

// printable reports whether a text can be shown: it has no control character other
// than line breaks and tabs, and no sign of damaged text.
func printable(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool {
		return c == utf8.RuneError || unicode.IsControl(c) && c != '\n' && c != '\r' && c != '\t'
	})
}
