package factory

import "context"

// Registry holds the machines and their metrics. It is part of Store. A change is
// durable when the call returns. The same commit appends an AuditEvent by the Sender
// of the context to the journal, except for what a reading registers. Machines and
// metrics are documents of the journal, which only the Registry changes.
//
// Deleting a machine without purge keeps its history: History, Buckets and
// Downsample still return it, but Machines and Latest omit it, and Machine, Metric
// and Metrics return ErrNotFound. Registering the machine again restores it with
// its metrics, and so does a new reading if registration is automatic. Deleting
// with purge removes its history, its metrics and its events.
type Registry interface {
	// PutMachine creates the machine m.ID or replaces its description. It ignores
	// Version, CreatedAt, UpdatedAt and LastSeen of m, and returns the machine as
	// stored. A put that changes nothing keeps the version. The error is
	// ErrInvalid if ValidateMachine or a limit of the engine rejects m, and
	// ErrPrecondition if match does not hold.
	PutMachine(ctx context.Context, m Machine, match Match) (stored Machine, created bool, err error)

	// Machine returns one machine, or ErrNotFound.
	Machine(ctx context.Context, id string) (Machine, error)

	// Machines returns the machines that match q in byte order of their ids. It
	// returns ErrInvalid for a cursor that the store did not issue.
	Machines(ctx context.Context, q MachineQuery) (MachinePage, error)

	// DeleteMachine deletes a machine, and with purge its history and metrics as
	// well. A machine that was already deleted can still be purged; otherwise an
	// unknown machine is ErrNotFound. It returns ErrPrecondition if match does not
	// hold.
	DeleteMachine(ctx context.Context, id string, match Match, purge bool) error

	// PutMetric creates a metric or replaces its description. It ignores Version,
	// CreatedAt and UpdatedAt of m. It returns ErrNotFound for an unknown machine,
	// and other errors as PutMachine does.
	PutMetric(ctx context.Context, m Metric, match Match) (stored Metric, created bool, err error)

	// Metric returns one metric of a machine, or ErrNotFound.
	Metric(ctx context.Context, machine, name string) (Metric, error)

	// Metrics returns the metrics of a machine in byte order of their names, or
	// ErrNotFound for an unknown machine.
	Metrics(ctx context.Context, machine string) ([]Metric, error)

	// Placement returns the placement of a machine from memory, without disk
	// access. ok is false if the machine is not registered.
	Placement(machine string) (p Placement, ok bool)
}

// Match is the condition of a conditional write, as in the HTTP headers If-Match
// and If-None-Match (RFC 9110, 13.1). A positive Match is the version that the
// entry must have.
type Match int64

// Conditions other than a version.
const (
	// MatchAlways sets no condition.
	MatchAlways Match = 0
	// MatchAny requires that the entry exists (If-Match: *).
	MatchAny Match = -1
	// MatchNone requires that the entry does not exist (If-None-Match: *).
	MatchNone Match = -2
)

// Allows reports whether m holds for an entry with the given version; version 0
// stands for an entry that does not exist.
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
