package factory

// Notification is a value for realtime clients that the journal determines: the state
// of a machine, an alarm or an OEE.
type Notification struct {
	// Kind is EventState, EventAlarm or EventOEE. Clients get an event of that name.
	Kind EventKind
	// Key tells the values of a kind apart, for example by the machine or by the id of
	// the alarm.
	Key string
	// Machine is the machine that the value is about, "" for that of a line, which is
	// at Line.
	Machine string
	Line    Placement
	// Seq is the Seq of the event that determines the value. A Notification does not
	// replace one of the same kind and key with an equal or greater Seq.
	Seq int64
	// Ended removes the value from the snapshots of later subscribers.
	Ended bool
	// Data is a JSON object without a member "seq", which clients get in addition.
	Data []byte
}
