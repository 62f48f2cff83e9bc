package alarm

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// Phase is the state of an occurrence of an alarm.
type Phase string

// The phases.
const (
	Normal          Phase = "normal"
	ActiveUnacked   Phase = "active_unacked"
	ActiveAcked     Phase = "active_acked"
	ReturnedUnacked Phase = "returned_unacked"
	Latched         Phase = "latched"
)

// Hiding is what keeps an alarm from the operator.
type Hiding string

// The reasons for which an alarm is hidden.
const (
	Visible      Hiding = ""
	Shelved      Hiding = "shelved"
	Suppressed   Hiding = "suppressed"
	OutOfService Hiding = "out_of_service"
)

// Occurrence is one alarm, from its activation until it is normal again.
type Occurrence struct {
	// ID is unique in the installation, and the same in every process that decides
	// about the occurrence.
	ID    string `json:"id"`
	Phase Phase  `json:"state"`
	// Active is the memory of the condition: set after the on delay, cleared after
	// the off delay.
	Active bool `json:"active,omitempty"`
	// RaisedAt is the time of the activation, Since that of the last change of Phase.
	RaisedAt int64 `json:"raised_at"`
	Since    int64 `json:"since"`
	// ReturnedAt is when the condition ended, 0 while it holds.
	ReturnedAt int64 `json:"returned_at,omitempty"`
	// Value is the value at the activation, Limit the limit that it crossed; nil for
	// conditions without.
	Value *float64 `json:"value,omitempty"`
	Limit *float64 `json:"limit,omitempty"`
	// Name and Severity are those of the rule at the activation.
	Name     string   `json:"name,omitempty"`
	Severity Severity `json:"severity"`
	// AckedAt is 0 while the alarm needs an acknowledgement.
	AckedBy string `json:"acked_by,omitempty"`
	AckedAt int64  `json:"acked_at,omitempty"`
	// FirstAckedAt is when the alarm was acknowledged for the first time.
	FirstAckedAt int64 `json:"first_acked_at,omitempty"`
	// Note is the last note that somebody gave.
	Note string `json:"note,omitempty"`
	// Reset reports that somebody has reset the alarm.
	Reset bool `json:"reset,omitempty"`
	// Seq is the Seq of the event of the last visible transition, RaisedSeq and
	// AckedSeq those of the activation and of the last acknowledgement. Apply sets
	// them.
	Seq       int64 `json:"seq,omitempty"`
	RaisedSeq int64 `json:"raised_seq,omitempty"`
	AckedSeq  int64 `json:"acked_seq,omitempty"`
}

// Open reports whether the occurrence needs somebody's attention or still goes on.
func (o *Occurrence) Open() bool { return o.ID != "" && o.Phase != Normal }

// Shelf is why, by whom and until when an alarm is shelved.
type Shelf struct {
	Until  int64  `json:"until"`
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// State is the state of a rule on one machine. The zero State is the one before the
// first reading.
type State struct {
	// RuleVersion is the version of the rule's document that has judged.
	RuleVersion int64 `json:"rule_version,omitempty"`
	// Metric is the metric of the readings that were judged.
	Metric string `json:"metric,omitempty"`
	// Judged is the time of the newest judged reading, 0 if there is none, and Value
	// its value. Older readings change nothing any more.
	Judged int64   `json:"judged,omitempty"`
	Value  float64 `json:"value,omitempty"`
	// Violated reports whether the condition holds, and HeldSince since when it does
	// or does not.
	Violated  bool  `json:"violated,omitempty"`
	HeldSince int64 `json:"held_since,omitempty"`
	// Count is the number of occurrences so far.
	Count int64 `json:"count,omitempty"`
	// Current is the newest occurrence. Its ID is "" if there was none.
	Current Occurrence `json:"current"`
	// Earlier are older occurrences that have returned and wait for their
	// acknowledgement, the oldest first. Data does not contain them; see Apply.
	Earlier []Occurrence `json:"-"`
	// EarlierFrom is the RaisedAt of the first of Earlier, 0 if there is none.
	EarlierFrom int64 `json:"earlier_from,omitempty"`
	// Shelf, OutOfService and Suppressed hide the alarm.
	Shelf        *Shelf `json:"shelf,omitempty"`
	OutOfService bool   `json:"out_of_service,omitempty"`
	Suppressed   bool   `json:"suppressed,omitempty"`
	// Unshelved and InService remember the last manual end of a shelf and of being
	// out of service, so that the same request once more succeeds.
	Unshelved bool `json:"unshelved,omitempty"`
	InService bool `json:"in_service,omitempty"`
}

// Hidden returns what hides the alarm, the strongest reason first.
func (s *State) Hidden() Hiding {
	switch {
	case s.OutOfService:
		return OutOfService
	case s.Shelf != nil:
		return Shelved
	case s.Suppressed:
		return Suppressed
	}
	return Visible
}

// Find returns the occurrence with the given id if the state still has it.
func (s *State) Find(id string) *Occurrence {
	if id == "" {
		return nil
	}
	if s.Current.ID == id {
		return &s.Current
	}
	for i := range s.Earlier {
		if s.Earlier[i].ID == id {
			return &s.Earlier[i]
		}
	}
	return nil
}

// occurrenceID returns the id of occurrence number n of a rule on a machine. It begins
// with the time, so that the occurrence can be found in the journal.
func occurrenceID(rule, machine string, raisedAt, n int64) string {
	sum := sha256.Sum256([]byte(rule + "\x1f" + machine + "\x1f" + strconv.FormatInt(n, 10)))
	return strconv.FormatInt(raisedAt, 36) + "-" + hex.EncodeToString(sum[:6])
}

// RaisedAt returns the time in the ID of an occurrence; ok is false if id is none.
func RaisedAt(id string) (at int64, ok bool) {
	text, _, ok := strings.Cut(id, "-")
	at, err := strconv.ParseInt(text, 36, 64)
	return at, ok && err == nil && len(id) <= maxOccurrenceID
}

const maxOccurrenceID = 32
