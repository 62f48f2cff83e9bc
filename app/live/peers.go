package live

import (
	"encoding/json"
	"time"

	"smart-factory-backend/app/factory"
)

// onMessage handles an event that another process has published. Telemetry passes
// through the cache like readings committed here; every other event is delivered
// as it is. Invalid data is dropped.
func (s *Server) onMessage(room, event string, data []byte) {
	if event == eventTelemetry {
		if readings, err := decodeReadings(data); err == nil && s.cache.applyRemote(readings) {
			s.wake()
		}
		return
	}
	payload, retain := decodeRetained(event, data)
	if retain == nil {
		return
	}
	clean, err := json.Marshal(payload) // without unknown members
	if err != nil {
		return
	}
	s.roomsMu.Lock()
	defer s.roomsMu.Unlock()
	retain(&s.retained)
	if !s.closed {
		s.hub.Emit(room, event, clean, false)
	}
}

// onInterest notes whether another process is interested in a room.
func (s *Server) onInterest(name string, interested bool) {
	if room, err := parseRoom(name); err == nil {
		s.cache.setWatched(room, false, interested)
	}
}

// decodeReadings decodes the data of a telemetry event. It skips invalid readings.
func decodeReadings(data []byte) ([]factory.Reading, error) {
	var event struct {
		Readings []struct {
			Machine, Metric string
			TS              int64
			Value           float64
		}
	}
	if err := json.Unmarshal(data, &event); err != nil {
		return nil, err
	}
	readings := make([]factory.Reading, 0, len(event.Readings))
	for _, e := range event.Readings {
		reading := factory.Reading{Machine: e.Machine, Metric: e.Metric, ObservedAt: e.TS, Value: e.Value}
		if factory.ValidateReading(reading, time.Now().UnixMilli()) == nil {
			readings = append(readings, reading)
		}
	}
	return readings, nil
}

// decodeRetained decodes the data of any other event and returns how to retain it.
// retain is nil for invalid data and unknown events.
func decodeRetained(event string, data []byte) (payload any, retain func(*retained)) {
	switch event {
	case eventState:
		var s State
		if json.Unmarshal(data, &s) == nil && s.Machine != "" {
			return s, func(r *retained) { r.setState(s) }
		}
	case eventAlarm:
		var a Alarm
		if json.Unmarshal(data, &a) == nil && a.ID != "" {
			return a, func(r *retained) { r.setAlarm(a) }
		}
	case eventOEE:
		var o OEE
		if json.Unmarshal(data, &o) == nil && o.Machine+o.Line != "" {
			return o, func(r *retained) { r.setOEE(o) }
		}
	}
	return nil, nil
}
