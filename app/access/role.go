package access

import "errors"

// Action is the kind of operation that a request performs.
type Action uint8

// The actions that a route can require.
const (
	// Read reads data: latest values, history, live events.
	Read Action = iota
	// Ingest writes readings.
	Ingest
	// Operate performs an operator's work: acknowledges alarms, reports states.
	Operate
	// Administer changes the configuration and injects faults.
	Administer
)

// String returns the action's name in lower case.
func (a Action) String() string {
	return [...]string{"read", "ingest", "operate", "administer"}[a]
}

// Role is the set of actions that a key allows. The zero Role allows none.
type Role uint8

// The roles, and what each of them allows.
const (
	// RoleRead allows Read.
	RoleRead Role = iota + 1
	// RoleIngest allows only Ingest: a key stored in a machine can't be used to
	// read data.
	RoleIngest
	// RoleOperate allows Read and Operate.
	RoleOperate
	// RoleAdmin allows every action.
	RoleAdmin
)

// Allows reports whether the role allows a.
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

// String returns the role's name in a list of keys, or "none".
func (r Role) String() string {
	return [...]string{"none", "read", "ingest", "operate", "admin"}[r]
}

// ParseRole returns the role with the given name. The error does not contain the
// name, which may be part of a malformed key.
func ParseRole(name string) (Role, error) {
	for r := RoleRead; r <= RoleAdmin; r++ {
		if name == r.String() {
			return r, nil
		}
	}
	return 0, errors.New("want the role read, ingest, operate or admin")
}
