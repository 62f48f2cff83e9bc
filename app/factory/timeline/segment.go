package timeline

// State is the operating state of a machine.
type State string

// The states.
const (
	Running     State = "running"
	Idle        State = "idle"
	Setup       State = "setup"
	Blocked     State = "blocked"
	Starved     State = "starved"
	Fault       State = "fault"
	PlannedStop State = "planned_stop"
	Offline     State = "offline"
)

// States lists all states.
var States = []State{Running, Idle, Setup, Blocked, Starved, Fault, PlannedStop, Offline}

// Source says where a segment's state comes from.
type Source string

// Sources of a state.
const (
	// FromEvent: a state event that was posted.
	FromEvent Source = "event"
	// FromSignal: the mapped value of the machine's state metric.
	FromSignal Source = "signal"
	// FromSilence: the machine is offline because it has sent nothing, or has not yet
	// said its state.
	FromSilence Source = "silence"
)

// Segment is a span of time in one state. Segments of a timeline follow each other
// without gap or overlap.
type Segment struct {
	// From is inclusive, To exclusive.
	From, To int64
	State    State
	// Reason is the downtime reason, "" if none was given.
	Reason string
	Source Source
}

// Production is a number of pieces that a machine made between From and To. From
// equals To for pieces that a count event reports; the increase of a counter is
// spread evenly over the time between two readings.
type Production struct {
	From, To            int64
	Good, Scrap, Rework float64
	// Product is the id of the product document, "" if unknown. A Production whose
	// product changes while it lasts has been split.
	Product string
}
