package live

import "encoding/json"

// The names of the events.
const (
	eventSnapshot  = "snapshot"
	eventTelemetry = "telemetry"
	eventState     = "state"
	eventAlarm     = "alarm"
	eventOEE       = "oee"
)

// State is the operating state of a machine.
type State struct {
	Machine string `json:"machine"`
	State   string `json:"state"`
	// Since is when the state began, in Unix milliseconds.
	Since  int64  `json:"since"`
	Reason string `json:"reason,omitempty"`
}

// Alarm is an alarm after a change.
type Alarm struct {
	// ID identifies the alarm through all its changes.
	ID      string `json:"id"`
	Machine string `json:"machine"`
	Metric  string `json:"metric,omitempty"`
	Rule    string `json:"rule,omitempty"`
	// State is the state of the alarm. Open means that it still needs attention;
	// snapshots contain the open alarms.
	State    string `json:"state"`
	Open     bool   `json:"open"`
	Severity string `json:"severity,omitempty"`
	// Since is when the alarm entered the state, in Unix milliseconds.
	Since int64    `json:"since"`
	Value *float64 `json:"value,omitempty"`
	Note  string   `json:"note,omitempty"`
}

// OEE is the overall equipment effectiveness of a machine or, without a machine,
// of a line. From and To are Unix milliseconds.
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

// PublishState sends the new state of a machine. The caller also publishes the
// current states at startup, because snapshots contain what was published last.
func (s *Server) PublishState(state State) {
	s.publish(eventState, state, s.roomsOf(state.Machine), func(r *retained) { r.setState(state) })
}

// PublishAlarm sends a change of an alarm. The caller also publishes the open
// alarms at startup.
func (s *Server) PublishAlarm(a Alarm) {
	s.publish(eventAlarm, a, append(s.roomsOf(a.Machine), roomAlarms), func(r *retained) { r.setAlarm(a) })
}

// PublishOEE sends new figures.
func (s *Server) PublishOEE(o OEE) {
	rooms := s.roomsOf(o.Machine)
	if o.Machine == "" && o.Line != "" {
		rooms = append(rooms, roomLine+o.Line)
	}
	s.publish(eventOEE, o, rooms, func(r *retained) { r.setOEE(o) })
}

// publish retains an event and sends it to the rooms, in this process and in
// others.
func (s *Server) publish(event string, payload any, rooms []string, retain func(*retained)) {
	data, err := json.Marshal(payload)
	if err != nil {
		return // an infinite or NaN value: there is nothing to send
	}
	s.roomsMu.Lock()
	defer s.roomsMu.Unlock()
	retain(&s.retained)
	for _, room := range rooms {
		s.hub.Emit(room, event, data, false)
		s.hub.Publish(room, event, data)
	}
}
