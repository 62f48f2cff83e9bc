package access

import "fmt"

// Action is what a request wants to do.
type Action uint8

// The actions that a route can ask for.
const (
	// Read looks at data: latest values, history, the live events.
	Read Action = iota
	// Ingest sends readings.
	Ingest
	// Operate acts on the plant's behalf: acknowledges alarms, reports states.
	Operate
	// Administer changes what is configured, and injects faults.
	Administer
)

// String returns the action's name in lower case.
func (a Action) String() string {
	switch a {
	case Read:
		return "read"
	case Ingest:
		return "ingest"
	case Operate:
		return "operate"
	case Administer:
		return "administer"
	}
	return "unknown"
}

// Role is what a key was issued for. The zero Role allows nothing.
type Role uint8

// The roles, and what each of them allows.
const (
	// RoleRead allows Read.
	RoleRead Role = iota + 1
	// RoleIngest allows Ingest and nothing else: the key in a machine can't
	// be used to look at the plant.
	RoleIngest
	// RoleOperate allows Read and Operate.
	RoleOperate
	// RoleAdmin allows everything.
	RoleAdmin
)

// Allows reports whether a key of this role may do a.
func (r Role) Allows(a Action) bool {
	switch r {
	case RoleRead:
		return a == Read
	case RoleIngest:
		return a == Ingest
	case RoleOperate:
		return a == Read || a == Operate
	case RoleAdmin:
		return true
	}
	return false
}

// String returns the role's name as it is written in a list of keys.
func (r Role) String() string {
	switch r {
	case RoleRead:
		return "read"
	case RoleIngest:
		return "ingest"
	case RoleOperate:
		return "operate"
	case RoleAdmin:
		return "admin"
	}
	return "none"
}

// ParseRole returns the role of that name.
func ParseRole(name string) (Role, error) {
	for r := RoleRead; r <= RoleAdmin; r++ {
		if name == r.String() {
			return r, nil
		}
	}
	return 0, fmt.Errorf("role %q: it must be read, ingest, operate or admin", name)
}
