package factory

// EventKind is the kind of an Event.
type EventKind string

// Kinds of event. The shape of Data depends on the kind; package timeline and
// package alarm define it.
const (
	// EventState: a machine has entered a state.
	EventState EventKind = "state"
	// EventCount: a machine has made pieces.
	EventCount EventKind = "count"
	// EventReason: somebody has named the reason of a downtime.
	EventReason EventKind = "reason"
	// EventProduct: a machine has begun to make a product.
	EventProduct EventKind = "product"
	// EventText: the text value of a metric has changed. Subject is the metric.
	EventText EventKind = "text"
	// EventAlarm: an alarm has made a transition. Subject is the rule.
	EventAlarm EventKind = "alarm"
	// EventOEE: the OEE of a running shift has changed. Subject is the path of the line,
	// "" if it is that of the machine.
	EventOEE EventKind = "oee"
	// EventNote: somebody has written a note.
	EventNote EventKind = "note"
	// EventAudit: somebody has changed a document. Subject is its kind, a slash and
	// its id.
	EventAudit EventKind = "audit"
	// EventDelivery: the outbox has delivered an alarm, or has given it up.
	EventDelivery EventKind = "delivery"
)

// MayReplace reports whether an event of the kind can replace one of the other kind:
// events that are posted can replace each other, and those that the server decides only
// those of their own kind.
func (k EventKind) MayReplace(other EventKind) bool {
	posted := func(k EventKind) bool {
		switch k {
		case EventState, EventCount, EventReason, EventProduct, EventNote:
			return true
		}
		return false
	}
	return k == other || posted(k) && posted(other)
}

// Event is one entry of the journal. Events are never changed.
type Event struct {
	// Seq orders the events of the installation. It starts at 1 and may have gaps.
	Seq int64
	// Machine is "" for an event of the whole installation.
	Machine string
	Kind    EventKind
	// Subject is what the event is about within the machine; see the kinds. It is
	// "" where the machine itself is the subject.
	Subject string
	// ObservedAt is when it happened, ReceivedAt when the journal accepted it, both
	// in Unix milliseconds. The clock of ObservedAt is the machine's.
	ObservedAt, ReceivedAt int64
	// ID makes appending idempotent; it is unique within the machine. "" makes the
	// journal assign one.
	ID string
	// By is the name of the API key that caused the event, "" for the server.
	By string
	// Replaces is the ID of an event of the same machine that this one takes the
	// place of; "" for none. An event can be replaced once, and its replacement can
	// be replaced again.
	Replaces string
	// Follows is the Seq of an earlier event that only one event of the same machine
	// may follow; 0 for none. It makes the append conditional: of several processes
	// that decide about the next transition one succeeds.
	Follows int64
	// Data is a JSON object of at most MaxEventData bytes, MaxAuditData for an audit
	// event.
	Data []byte
}

const (
	// MaxEventData is the maximum size of an event's Data in bytes.
	MaxEventData = 16 << 10
	// MaxAuditData is that of an audit event, which holds a document before and after
	// its change.
	MaxAuditData = 2*MaxDocumentData + 4<<10
)
