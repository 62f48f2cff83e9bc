package health

import "fmt"

// Kind determines which probe a failing check affects.
type Kind int

const (
	// Startup checks fail the startup probe only.
	Startup Kind = iota + 1
	// Liveness checks fail the liveness probe, after which the orchestrator
	// restarts the process. They must test the process itself, never a
	// database, a disk or another server.
	Liveness
	// Readiness checks fail the readiness probe, which stops new traffic. Checks
	// of dependencies belong here: liveness reports them as "degraded" only.
	Readiness
	// Advisory checks fail no probe and are reported as "degraded". They cover
	// faults that neither a restart nor stopping traffic would fix, such as the
	// loss of what all replicas share and can serve without.
	Advisory
)

// String returns the name of the kind as shown on the admin port.
func (k Kind) String() string {
	switch k {
	case Startup:
		return "startup"
	case Liveness:
		return "liveness"
	case Readiness:
		return "readiness"
	case Advisory:
		return "advisory"
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// check is a named test; run returns nil on success.
type check struct {
	name string
	kind Kind
	run  func() error
}

// result runs the check and turns a panic into an error.
func (c check) result() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("check %s panicked: %v", c.name, v)
		}
	}()
	return c.run()
}
