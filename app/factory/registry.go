package factory

import (
	"context"
	"time"
)

// Registry knows the machines of the plant and their metrics. It is part of
// Store; what is registered survives a crash once the call has returned.
//
// Deleting a machine without purge keeps its history: History, Buckets and
// Downsample go on answering for it, but it is in no list, in no Latest, and
// Machine, Metric and Metrics are ErrNotFound. Registering it again, or a
// reading of it while registration is automatic, brings it back with its
// metrics. With purge its history and its metrics are gone.
type Registry interface {
	// PutMachine creates the machine m.ID or replaces its description. Of m
	// only ID, Name, Placement and Attributes are used. It returns the machine
	// as stored; a put that changes nothing keeps the version. ErrInvalid when
	// ValidateMachine or the engine's limit refuses it, ErrPrecondition when
	// match does not hold.
	PutMachine(ctx context.Context, m Machine, match Match) (stored Machine, created bool, err error)

	// Machine returns one machine, or ErrNotFound.
	Machine(ctx context.Context, id string) (Machine, error)

	// Machines returns those that match q, ordered by id in byte order. A
	// cursor that the store did not make is ErrInvalid.
	Machines(ctx context.Context, q MachineQuery) (MachinePage, error)

	// DeleteMachine deletes the machine, with its history and metrics if purge
	// is set. Purging works on a machine that was deleted before, too; any
	// other unknown machine is ErrNotFound. ErrPrecondition as in PutMachine.
	DeleteMachine(ctx context.Context, id string, match Match, purge bool) error

	// PutMetric creates the metric or replaces its description. Of m Version,
	// CreatedAt and UpdatedAt are not used. An unknown machine is ErrNotFound;
	// otherwise as PutMachine.
	PutMetric(ctx context.Context, m Metric, match Match) (stored Metric, created bool, err error)

	// Metric returns one metric of a machine, or ErrNotFound.
	Metric(ctx context.Context, machine, name string) (Metric, error)

	// Metrics returns the metrics of a machine in byte order of their names.
	// An unknown machine is ErrNotFound.
	Metrics(ctx context.Context, machine string) ([]Metric, error)

	// Placement says where a machine stands, from memory: it never waits for
	// the disk. ok is false for a machine that is not registered.
	Placement(machine string) (p Placement, ok bool)
}

// Placement is the place of a machine in the ISA-95 hierarchy. An empty part
// is not known.
type Placement struct {
	Site, Area, Line string
}

// Machine is a machine of the plant.
type Machine struct {
	// ID is the name that its readings carry; see ValidateName.
	ID string
	// Name is for people; "" where only the id is known.
	Name string
	Placement
	// Attributes are free; nil and empty are the same.
	Attributes map[string]string
	// Version grows with each change of the description, from 1; it makes the
	// entity tag.
	Version int64
	// CreatedAt and UpdatedAt are in Unix milliseconds of our clock.
	CreatedAt, UpdatedAt int64
	// LastSeen is the newest observation time of its readings, 0 for none.
	LastSeen int64
}

// MetricKind says how the values of a metric are to be read.
type MetricKind string

// Kinds of metric. One that was never described is a gauge.
const (
	// Gauge goes up and down; each value stands for itself.
	Gauge MetricKind = "gauge"
	// Counter only grows, and starts anew when it is reset; what counts is by
	// how much it has grown.
	Counter MetricKind = "counter"
)

// KeepForever is a retention without an end.
const KeepForever = time.Duration(-1)

// Metric is what one machine measures under one name.
type Metric struct {
	Machine, Name string
	// Unit is in UCUM, "" where unknown.
	Unit string
	Kind MetricKind
	// ExpectedMin and ExpectedMax bound what is normal; nil is no bound.
	ExpectedMin, ExpectedMax *float64
	// Retention is how long readings are kept, by their observation time; 0 is
	// the store's default, KeepForever no end. Older ones are refused, not
	// returned any more, and removed in time.
	Retention time.Duration
	// Version, CreatedAt and UpdatedAt are as those of a Machine.
	Version              int64
	CreatedAt, UpdatedAt int64
}

// Match is the condition under which an entry may be changed, as HTTP's
// If-Match and If-None-Match have it. A positive Match is the version that the
// entry must have now.
type Match int64

// Matches that are no version.
const (
	// MatchAlways sets no condition.
	MatchAlways Match = 0
	// MatchAny wants the entry to exist (If-Match: *).
	MatchAny Match = -1
	// MatchNone wants it not to exist (If-None-Match: *).
	MatchNone Match = -2
)

// Allows reports whether m holds for an entry that has the given version now;
// 0 is an entry that does not exist.
func (m Match) Allows(version int64) bool {
	switch m {
	case MatchAlways:
		return true
	case MatchAny:
		return version != 0
	case MatchNone:
		return version == 0
	}
	return int64(m) == version
}

// MachineQuery selects machines.
type MachineQuery struct {
	// Placement restricts to the parts that are not empty.
	Placement
	// Prefix is how the id begins; "" is all.
	Prefix string
	// Cursor continues a former page; "" starts.
	Cursor string
	// Limit is the most machines to return, at least 1.
	Limit int
}

// Selects reports whether m is among those that q asks for, whatever the page.
func (q MachineQuery) Selects(m Machine) bool {
	fits := func(want, have string) bool { return want == "" || want == have }
	return len(m.ID) >= len(q.Prefix) && m.ID[:len(q.Prefix)] == q.Prefix &&
		fits(q.Site, m.Site) && fits(q.Area, m.Area) && fits(q.Line, m.Line)
}

// MachinePage is one page of machines.
type MachinePage struct {
	Machines []Machine
	// NextCursor continues after this page; "" at the end.
	NextCursor string
}
