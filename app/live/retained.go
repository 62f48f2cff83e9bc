package live

import "slices"

// retained holds the last events of each kind that belong to snapshots. The holder
// of roomsMu may use it.
type retained struct {
	version uint64           // number of changes
	states  map[string]State // by machine
	alarms  map[string]Alarm // by id; open ones only
	oee     map[string]OEE   // by line and machine
}

func newRetained() retained {
	return retained{states: map[string]State{}, alarms: map[string]Alarm{}, oee: map[string]OEE{}}
}

func (r *retained) setState(s State) {
	r.version++
	r.states[s.Machine] = s
}

func (r *retained) setAlarm(a Alarm) {
	r.version++
	if a.Open {
		r.alarms[a.ID] = a
	} else {
		delete(r.alarms, a.ID)
	}
}

func (r *retained) setOEE(o OEE) {
	r.version++
	r.oee[o.Line+"\x00"+o.Machine] = o
}

// removeMachine drops everything about a machine.
func (r *retained) removeMachine(machine string) {
	r.version++
	delete(r.states, machine)
	for id, a := range r.alarms {
		if a.Machine == machine {
			delete(r.alarms, id)
		}
	}
	for key, o := range r.oee {
		if o.Machine == machine {
			delete(r.oee, key)
		}
	}
}

// appendMembers appends the events of a room as members of a JSON object. include
// reports whether the room includes a machine.
func (r *retained) appendMembers(dst []byte, room room, include func(machine string) bool) []byte {
	var states []State
	if room.kind != roomAlarms {
		for machine, s := range r.states {
			if include(machine) {
				states = append(states, s)
			}
		}
	}
	var alarms []Alarm
	for _, a := range r.alarms {
		if room.kind == roomAlarms || include(a.Machine) {
			alarms = append(alarms, a)
		}
	}
	slices.SortFunc(alarms, func(a, b Alarm) int { return int(min(max(a.Since-b.Since, -1), 1)) })
	var oee []OEE
	for _, o := range r.oee {
		if room.kind == roomAll || room.kind == roomLine && o.Machine == "" && roomLine+o.Line == room.name ||
			o.Machine != "" && room.kind != roomAlarms && include(o.Machine) {
			oee = append(oee, o)
		}
	}
	dst = appendList(dst, `,"states":`, states)
	dst = appendList(dst, `,"alarms":`, alarms)
	return appendList(dst, `,"oee":`, oee)
}
