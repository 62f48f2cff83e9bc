package live

import (
	"encoding/json"
	"time"

	"smart-factory-backend/app/factory"
)

// onMessage handles telemetry that another process has published: it passes through
// the cache like readings committed here. Everything else comes from the journal, which
// each process follows itself. Invalid data is dropped.
func (s *Server) onMessage(_, event string, data []byte) {
	if event != eventTelemetry {
		return
	}
	if readings, err := decodeReadings(data); err == nil && s.cache.applyRemote(readings) {
		s.wake()
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
			Text            *string
		}
	}
	if err := json.Unmarshal(data, &event); err != nil {
		return nil, err
	}
	readings := make([]factory.Reading, 0, len(event.Readings))
	for _, e := range event.Readings {
		reading := factory.Reading{Machine: e.Machine, Metric: e.Metric, ObservedAt: e.TS, Value: e.Value, Text: e.Text}
		if factory.ValidateReading(reading, time.Now().UnixMilli()) == nil {
			readings = append(readings, reading)
		}
	}
	return readings, nil
}
