package timeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"smart-factory-backend/app/factory"
)

// Event is a posted event with its parsed data.
type Event struct {
	factory.Event
	// State and Reason belong to a state event.
	State State
	// Reason, From and To belong to a reason event: the stop between From (inclusive)
	// and To (exclusive) has the reason. Text is its note.
	Reason   string
	From, To int64
	// Good, Scrap and Rework belong to a count event. Product is "" if it does not
	// name one; a product event has it, too.
	Good, Scrap, Rework float64
	Product             string
	// Text belongs to a note.
	Text string
}

// PostedKinds are the kinds of event that ParseData accepts.
var PostedKinds = []factory.EventKind{factory.EventState, factory.EventCount, factory.EventReason, factory.EventProduct, factory.EventNote}

// Subjects of events within a machine.
const (
	// SubjectDowntime is that of reason events. All of a machine are read for a
	// timeline, whenever they were posted.
	SubjectDowntime = "downtime"
	// SubjectSignal is that of state events which the server appends because a signal
	// has changed, or because nothing has come for too long. Timelines compute these
	// changes again from the readings.
	SubjectSignal = "signal"
)

// SubjectOf returns the subject of a posted event.
func SubjectOf(kind factory.EventKind) string {
	if kind == factory.EventReason {
		return SubjectDowntime
	}
	return ""
}

// Limits of the data of events.
const (
	// MaxReasonBytes is the maximum length of a reason.
	MaxReasonBytes = 128
	// MaxNoteBytes is the maximum length of a note.
	MaxNoteBytes = 4096
	// MaxPieces is the largest number of pieces that one event can report.
	MaxPieces = 1e12
)

// The data of each kind as it is posted and stored.
type (
	stateData struct {
		State  State      `json:"state"`
		Reason reasonText `json:"reason,omitempty"`
	}
	countData struct {
		Good    *float64    `json:"good,omitempty"`
		Scrap   *float64    `json:"scrap,omitempty"`
		Rework  *float64    `json:"rework,omitempty"`
		Product productName `json:"product,omitempty"`
	}
	reasonData struct {
		From   json.RawMessage `json:"from"` // Unix milliseconds once checked
		To     json.RawMessage `json:"to"`
		Reason reasonText      `json:"reason"`
		Note   noteText        `json:"note,omitempty"`
	}
	productData struct {
		Product productName `json:"product"`
	}
	noteData struct {
		Text noteText `json:"text"`
	}
)

// ParseData checks the members of a posted event that belong to its kind and returns
// them in the form in which they are stored: equal data are equal bytes. kind is one
// of PostedKinds. Its error is factory.MemberErrors or wraps factory.ErrInvalid.
func ParseData(kind factory.EventKind, data []byte) ([]byte, error) {
	switch kind {
	case factory.EventState:
		return parse(data, (*stateData).check)
	case factory.EventCount:
		return parse(data, (*countData).check)
	case factory.EventReason:
		return parse(data, (*reasonData).check)
	case factory.EventProduct:
		return parse(data, (*productData).check)
	case factory.EventNote:
		return parse(data, (*noteData).check)
	}
	return nil, fmt.Errorf("kind %s cannot be posted; the kinds are %v: %w", quoted(string(kind)), PostedKinds, factory.ErrInvalid)
}

func parse[T any](data []byte, check func(*T, *factory.MemberErrors)) ([]byte, error) {
	var value T
	if err := factory.DecodeDocument(data, &value); err != nil {
		return nil, err
	}
	var faults factory.MemberErrors
	check(&value, &faults)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

func (d *stateData) check(faults *factory.MemberErrors) {
	require(faults, "/state", d.State == "")
}

func (d *countData) check(faults *factory.MemberErrors) {
	if d.Good == nil && d.Scrap == nil && d.Rework == nil {
		faults.Add("/good", "is missing, and so are scrap and rework")
	}
	for _, count := range []struct {
		pointer string
		value   *float64
	}{{"/good", d.Good}, {"/scrap", d.Scrap}, {"/rework", d.Rework}} {
		switch {
		case count.value == nil:
		case *count.value < 0:
			faults.Add(count.pointer, "must not be negative")
		case *count.value > MaxPieces:
			faults.Add(count.pointer, fmt.Sprintf("must not be more than %.0f", MaxPieces))
		case *count.value == 0:
			*count.value = 0 // -0 is stored as 0
		}
	}
}

func (d *reasonData) check(faults *factory.MemberErrors) {
	from, fromOK := checkInstant(&d.From, "/from", faults)
	to, toOK := checkInstant(&d.To, "/to", faults)
	require(faults, "/reason", d.Reason == "")
	if fromOK && toOK && to <= from {
		faults.Add("/to", "must be after from")
	}
}

// maxInstant is the last time that a reason can name: the end of the year 9999.
const maxInstant = 253402300800000 - 1

// checkInstant returns the time in data and replaces data by its Unix milliseconds.
func checkInstant(data *json.RawMessage, pointer string, faults *factory.MemberErrors) (at int64, ok bool) {
	var text string
	err := json.Unmarshal(*data, &at)
	switch {
	case len(*data) == 0:
		faults.Add(pointer, missing)
		return 0, false
	case err != nil && json.Unmarshal(*data, &text) == nil:
		var t time.Time
		t, err = time.Parse(time.RFC3339, text)
		at = t.UnixMilli()
	}
	switch {
	case err != nil:
		faults.Add(pointer, "must be a time: Unix milliseconds or ISO 8601 such as 2006-01-02T15:04:05Z")
	case at < factory.MinObservedAt:
		faults.Add(pointer, "is before 1971; give Unix milliseconds")
	case at > maxInstant:
		faults.Add(pointer, "is after the year 9999")
	default:
		*data = strconv.AppendInt(nil, at, 10)
		return at, true
	}
	return 0, false
}

func (d *productData) check(faults *factory.MemberErrors) {
	require(faults, "/product", d.Product == "")
}

func (d *noteData) check(faults *factory.MemberErrors) {
	require(faults, "/text", d.Text == "")
}

// require reports a member that is missing.
func require(faults *factory.MemberErrors, pointer string, isMissing bool) {
	if isMissing {
		faults.Add(pointer, missing)
	}
}

// Decode parses the data of a stored event. ok is false for events that ParseData has
// not made: those of other kinds, and what a signal has said.
func Decode(stored factory.Event) (e Event, ok bool) {
	if stored.Kind == factory.EventState {
		if state, reason, ok := plainState(stored.Data); ok {
			return Event{Event: stored, State: state, Reason: reason}, true
		}
	}
	var data struct {
		State   State   `json:"state"`
		Source  Source  `json:"source"`
		Reason  string  `json:"reason"`
		From    int64   `json:"from"`
		To      int64   `json:"to"`
		Good    float64 `json:"good"`
		Scrap   float64 `json:"scrap"`
		Rework  float64 `json:"rework"`
		Product string  `json:"product"`
		Note    string  `json:"note"`
		Text    string  `json:"text"`
	}
	if !slices.Contains(PostedKinds, stored.Kind) || json.Unmarshal(stored.Data, &data) != nil || data.Source != "" {
		return Event{}, false
	}
	return Event{
		Event: stored, State: data.State, Reason: data.Reason, From: data.From, To: data.To,
		Good: data.Good, Scrap: data.Scrap, Rework: data.Rework, Product: data.Product, Text: data.Text + data.Note,
	}, true
}

type productName string

// UnmarshalText accepts valid names of products only.
func (p *productName) UnmarshalText(text []byte) error {
	*p = productName(text)
	return factory.ValidateName("product", string(text))
}

type reasonText string

// UnmarshalText accepts valid reasons only.
func (r *reasonText) UnmarshalText(text []byte) error {
	*r = reasonText(text)
	return checkText("reason", string(text), MaxReasonBytes, "")
}

type noteText string

// UnmarshalText accepts valid notes only.
func (n *noteText) UnmarshalText(text []byte) error {
	*n = noteText(text)
	return checkText("text", string(text), MaxNoteBytes, "\n\r\t")
}

// checkText checks text that a person has written. allowed are the control characters
// that it may contain.
func checkText(kind, text string, limit int, allowed string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("is an empty %s: %w", kind, factory.ErrInvalid)
	case len(text) > limit:
		return fmt.Errorf("has %d bytes, more than %d: %w", len(text), limit, factory.ErrInvalid)
	}
	for i, r := range text {
		if r == utf8.RuneError || unicode.IsControl(r) && !strings.ContainsRune(allowed, r) {
			return fmt.Errorf("has a control character or damaged text at byte %d: %w", i, factory.ErrInvalid)
		}
	}
	return nil
}
