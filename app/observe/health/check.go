package health

import "fmt"

// Kind says which probe a check can fail.
type Kind int

const (
	// Startup checks hold back the startup probe, and nothing else.
	Startup Kind = iota + 1
	// Liveness checks end the process when they fail, so they are about the
	// process itself: never about a database, a disk or another server.
	Liveness
	// Readiness checks keep traffic away while they fail. They are the place for
	// dependencies: to liveness a failing one is "degraded".
	Readiness
	// Advisory checks fail no probe: one that fails is "degraded" for somebody to
	// look at. They are for what neither a restart nor keeping traffic away
	// mends.
	Advisory
)

// String names the kind as the detail on the admin port shows it.
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

// check is one named question; run returns nil when all is well.
type check struct {
	name string
	kind Kind
	run  func() error
}

// ask runs the check. One that panics fails.
func (c check) ask() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("check %s panicked: %v", c.name, v)
		}
	}()
	return c.run()
}
