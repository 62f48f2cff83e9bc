package timeline

import (
	"strings"
	"unicode"
)

// StateMap maps the values of a state metric to states. The zero value maps nothing.
type StateMap struct {
	numbers map[float64]mapped
	texts   map[string]mapped
	// folded maps texts regardless of case, spaces, hyphens and underscores.
	folded map[string]mapped
	// otherNumbers is what numbers map to that numbers lacks.
	otherNumbers mapped
}

// mapped is what a value is mapped to: a state, or one of two classes of PackML states
// that depend on other signals.
type mapped struct {
	state State
	class class
}

type class int

const (
	// suspended states are blocked or starved by the interlock signals.
	suspended class = iota + 1
	// held states are faults while an alarm is active.
	held
)

// Maps reports whether the map has the value of a sample, which otherwise takes the
// default.
func (m *StateMap) Maps(s Sample) bool {
	_, ok := m.lookup(s)
	return ok
}

// lookup returns what a sample is mapped to; ok is false if the map lacks its value.
func (m *StateMap) lookup(s Sample) (to mapped, ok bool) {
	if s.IsText {
		if to, ok = m.texts[s.Text]; ok {
			return to, true
		}
		if to, ok = m.folded[fold(s.Text)]; ok {
			return to, true
		}
	}
	number, ok := s.number()
	if !ok {
		return mapped{}, false
	}
	if to, ok = m.numbers[number]; ok {
		return to, true
	}
	return m.otherNumbers, m.otherNumbers != mapped{}
}

// fold returns text in lower case without spaces, hyphens and underscores.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '_' {
			return -1
		}
		return unicode.ToLower(r)
	}, text)
}

// value is one value of a built-in map.
type value struct {
	number float64
	name   string
	to     mapped
}

// builtIn makes a map of values with names and numbers; named makes one of names only.
func builtIn(values ...value) StateMap {
	m := StateMap{numbers: map[float64]mapped{}, folded: map[string]mapped{}}
	for _, v := range values {
		m.numbers[v.number], m.folded[fold(v.name)] = v.to, v.to
	}
	return m
}

func named(states map[string]State) StateMap {
	m := StateMap{folded: map[string]mapped{}}
	for name, state := range states {
		m.folded[fold(name)] = mapped{state: state}
	}
	return m
}

// PackML is the name of the built-in map whose states depend on further signals.
const PackML = "packml"

// maintenanceMode is the number of the PackML unit mode Maintenance.
const maintenanceMode = 2

// builtInMaps are the maps that a state signal can name.
var builtInMaps = map[string]StateMap{
	// The states of ISA-TR88.00.02 with their numbers.
	PackML: builtIn(
		value{1, "Clearing", mapped{state: Fault}},
		value{2, "Stopped", mapped{state: Idle}},
		value{3, "Starting", mapped{state: Setup}},
		value{4, "Idle", mapped{state: Idle}},
		value{5, "Suspended", mapped{state: Idle, class: suspended}},
		value{6, "Execute", mapped{state: Running}},
		value{7, "Stopping", mapped{state: Idle}},
		value{8, "Aborting", mapped{state: Fault}},
		value{9, "Aborted", mapped{state: Fault}},
		value{10, "Holding", mapped{state: Idle, class: held}},
		value{11, "Held", mapped{state: Idle, class: held}},
		value{12, "Unholding", mapped{state: Idle, class: held}},
		value{13, "Suspending", mapped{state: Idle, class: suspended}},
		value{14, "Unsuspending", mapped{state: Idle, class: suspended}},
		value{15, "Resetting", mapped{state: Setup}},
		value{16, "Completing", mapped{state: Running}},
		value{17, "Complete", mapped{state: Idle}},
	),
	// The values of MTConnect's Execution.
	"mtconnect": named(map[string]State{
		"ACTIVE": Running,
		"READY":  Idle, "STOPPED": Idle, "PROGRAM_COMPLETED": Idle, "PROGRAM_STOPPED": Idle, "OPTIONAL_STOP": Idle, "PROGRAM_OPTIONAL_STOP": Idle,
		"INTERRUPTED": Blocked, "FEED_HOLD": Blocked, "WAIT": Blocked,
		"UNAVAILABLE": Offline,
	}),
	// WS_Cur_State of the Weihenstephan Standards: one bit each.
	"weihenstephan": builtIn(
		value{1 << 0, "Stopped", mapped{state: Idle}},
		value{1 << 1, "Starting", mapped{state: Setup}},
		value{1 << 2, "Prepared", mapped{state: Idle}},
		value{1 << 3, "Lack", mapped{state: Starved}},
		value{1 << 4, "Tailback", mapped{state: Blocked}},
		value{1 << 5, "Lack Branch Line", mapped{state: Starved}},
		value{1 << 6, "Tailback Branch Line", mapped{state: Blocked}},
		value{1 << 7, "Operating", mapped{state: Running}},
		value{1 << 8, "Stopping", mapped{state: Idle}},
		value{1 << 9, "Aborting", mapped{state: Fault}},
		value{1 << 10, "Equipment Failure", mapped{state: Fault}},
		value{1 << 11, "External Failure", mapped{state: Fault}},
		value{1 << 12, "Emergency Stop", mapped{state: Fault}},
		value{1 << 13, "Holding", mapped{state: Idle}},
		value{1 << 14, "Held", mapped{state: Idle}},
		value{1 << 15, "Idle", mapped{state: Idle}},
	),
	// A machine that says only whether it runs.
	"boolean": {
		numbers: map[float64]mapped{0: {state: Idle}}, otherNumbers: mapped{state: Running},
		folded: map[string]mapped{"on": {state: Running}, "off": {state: Idle}},
	},
}
