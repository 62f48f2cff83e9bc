package live

import (
	"encoding/json"
	"slices"
)

// The events that are sent to clients.
const (
	eventSnapshot  = "snapshot"
	eventTelemetry = "telemetry"
	eventState     = "state"
	eventAlarm     = "alarm"
	eventOEE       = "oee"
)

// State is what a machine does.
type State struct {
	Machine string `json:"machine"`
	State   string `json:"state"`
	// Since is when it began, in Unix milliseconds.
	Since  int64  `json:"since"`
	Reason string `json:"reason,omitempty"`
}

// Alarm is an alarm as it stands after a change.
type Alarm struct {
	// ID names the alarm; a later change has the same.
	ID      string `json:"id"`
	Machine string `json:"machine"`
	Metric  string `json:"metric,omitempty"`
	Rule    string `json:"rule,omitempty"`
	// State is a word of the alarm's life cycle; Open says whether the alarm
	// still asks for attention, and so is part of snapshots.
	State    string `json:"state"`
	Open     bool   `json:"open"`
	Severity string `json:"severity,omitempty"`
	// Since is when it reached the state, in Unix milliseconds.
	Since int64    `json:"since"`
	Value *float64 `json:"value,omitempty"`
	Note  string   `json:"note,omitempty"`
}

// OEE is the effectiveness of a machine or, without one, of a line, over a span
// of time in Unix milliseconds.
type OEE struct {
	Machine       string  `json:"machine,omitempty"`
	Line          string  `json:"line,omitempty"`
	From          int64   `json:"from"`
	To            int64   `json:"to"`
	Availability  float64 `json:"availability"`
	Effectiveness float64 `json:"effectiveness"`
	Quality       float64 `json:"quality"`
	OEE           float64 `json:"oee"`
}

// PublishState shows a machine's new state. At start the present ones are to be
// published, too: snapshots hold what was published last.
func (r *Server) PublishState(s State) {
	r.publish(eventState, s, r.roomsOf(s.Machine), func(k *retained) { k.states[s.Machine] = s })
}

// PublishAlarm shows a change of an alarm. At start the open ones are to be
// published, too.
func (r *Server) PublishAlarm(a Alarm) {
	r.publish(eventAlarm, a, append(r.roomsOf(a.Machine), roomAlarms), func(k *retained) { k.setAlarm(a) })
}

// PublishOEE shows a new figure.
func (r *Server) PublishOEE(o OEE) {
	rooms := r.roomsOf(o.Machine)
	if o.Machine == "" && o.Line != "" {
		rooms = append(rooms, roomLine+o.Line)
	}
	r.publish(eventOEE, o, rooms, func(k *retained) { k.oee[o.Line+"\x00"+o.Machine] = o })
}

// roomsOf lists the rooms that show a machine.
func (r *Server) roomsOf(machine string) []string {
	rooms := make([]string, 0, 4)
	rooms = append(rooms, roomAll)
	if machine == "" {
		return rooms
	}
	rooms = append(rooms, roomMachine+machine)
	if r.options.Placement != nil {
		if place, ok := r.options.Placement(machine); ok {
			if line := lineRoom(place); line != "" {
				rooms = append(rooms, line)
			}
		}
	}
	return rooms
}

// publish keeps an event for snapshots and sends it to the rooms, here and
// elsewhere.
func (r *Server) publish(event string, payload any, rooms []string, keep func(*retained)) {
	data, err := json.Marshal(payload)
	if err != nil {
		return // a figure that is not finite: there is nothing to show
	}
	r.roomsMu.Lock()
	defer r.roomsMu.Unlock()
	keep(&r.retained)
	r.retained.version++
	for _, room := range rooms {
		r.hub.Emit(room, event, data, false)
		r.hub.Publish(room, event, data)
	}
}

// kept are the last events that are part of snapshots.
type retained struct {
	version uint64
	states  map[string]State // by machine
	alarms  map[string]Alarm // by id, the open ones
	oee     map[string]OEE   // by line and machine
}

func newRetained() retained {
	return retained{states: map[string]State{}, alarms: map[string]Alarm{}, oee: map[string]OEE{}}
}

func (k *retained) setAlarm(a Alarm) {
	if a.Open {
		k.alarms[a.ID] = a
	} else {
		delete(k.alarms, a.ID)
	}
}

// forget drops what was kept of a machine.
func (k *retained) removeMachine(machine string) {
	k.version++
	delete(k.states, machine)
	for id, a := range k.alarms {
		if a.Machine == machine {
			delete(k.alarms, id)
		}
	}
	for key, o := range k.oee {
		if o.Machine == machine {
			delete(k.oee, key)
		}
	}
}

// append writes what a room shows of the kept events, as members of a JSON
// object. shows says whether a machine belongs to the room.
func (k *retained) append(dst []byte, room room, shows func(machine string) bool) []byte {
	var states []State
	if room.kind != roomAlarms {
		for machine, s := range k.states {
			if shows(machine) {
				states = append(states, s)
			}
		}
	}
	var alarms []Alarm
	for _, a := range k.alarms {
		if room.kind == roomAlarms || shows(a.Machine) {
			alarms = append(alarms, a)
		}
	}
	slices.SortFunc(alarms, func(a, b Alarm) int { return int(min(max(a.Since-b.Since, -1), 1)) })
	var figures []OEE
	for _, o := range k.oee {
		if room.kind == roomAll || room.kind == roomLine && o.Machine == "" && roomLine+o.Line == room.name ||
			o.Machine != "" && room.kind != roomAlarms && shows(o.Machine) {
			figures = append(figures, o)
		}
	}
	dst = appendList(dst, `,"states":`, states)
	dst = appendList(dst, `,"alarms":`, alarms)
	return appendList(dst, `,"oee":`, figures)
}

func appendList[T any](dst []byte, name string, list []T) []byte {
	dst = append(dst, name...)
	if len(list) == 0 {
		return append(dst, "[]"...)
	}
	text, _ := json.Marshal(list) // what is kept has been marshalled before
	return append(dst, text...)
}
