package store

import (
	"time"

	"smart-factory-backend/app/factory"
)

// EventRetention is how long events are stored after they were accepted; 0 is forever.
// It goes by the server's clock, so that old recordings can be loaded. Of the expired
// events of each kind, machine and subject the newest one in force stays, because it
// determines the state from then on until the next one, and so does the newest event of
// the journal, from which Seq continues.
type EventRetention struct {
	// Audit applies to changes of documents.
	Audit time.Duration
	// Alarm applies to transitions of alarms and their delivery.
	Alarm time.Duration
	// Text applies to texts and to the OEE of running shifts.
	Text time.Duration
	// Other applies to all other kinds.
	Other time.Duration
}

// KindRetention is the retention of one kind.
type KindRetention struct {
	Kind factory.EventKind
	Age  time.Duration
}

// Limited returns the kinds that are not stored forever.
func (r EventRetention) Limited() (limited []KindRetention) {
	for _, k := range []KindRetention{
		{factory.EventAudit, r.Audit},
		{factory.EventAlarm, r.Alarm},
		{factory.EventDelivery, r.Alarm},
		{factory.EventText, r.Text},
		{factory.EventOEE, r.Text},
		{factory.EventState, r.Other},
		{factory.EventCount, r.Other},
		{factory.EventReason, r.Other},
		{factory.EventProduct, r.Other},
		{factory.EventNote, r.Other},
	} {
		if k.Age > 0 {
			limited = append(limited, k)
		}
	}
	return limited
}

// Numbers returns the fields for CheckNotNegative.
func (r EventRetention) Numbers() []Number {
	return []Number{
		{"EventRetention.Audit", int64(r.Audit)},
		{"EventRetention.Alarm", int64(r.Alarm)},
		{"EventRetention.Text", int64(r.Text)},
		{"EventRetention.Other", int64(r.Other)},
	}
}
