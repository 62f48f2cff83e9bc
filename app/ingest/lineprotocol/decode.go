package lineprotocol

import (
	"strconv"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"
)

// Mapping says how a line becomes readings. The metric of a reading is the key of
// its field.
type Mapping struct {
	// Precision is the unit of timestamps.
	Precision Precision
	// MachineTag is the tag that names the machine. The tag "host" does on lines
	// without it.
	MachineTag string
	// WithMeasurement puts the measurement and an underscore before each metric.
	WithMeasurement bool
}

// hostTag is the tag that Telegraf puts on each line.
const hostTag = "host"

// Decode fills b from lines. It changes body in place where names are escaped. A
// line is accepted or rejected as a whole; texts that are too long are skipped and
// counted.
// The error is an *ingest.Error of kind TooLarge; b is undefined then.
func Decode(b *ingest.Batch, body []byte, m Mapping) error {
	s := NewScanner(body)
	for s.Next() {
		mark := b.Mark()
		reason, err := decodeLine(b, &s, m)
		if reason != "" {
			b.Rollback(mark)
			err = b.Reject(place(&s).Pointer(), reason)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func place(s *Scanner) ingest.Place { return ingest.Place{Line: int32(s.Line())} }

// decodeLine adds the readings of a line; reason says why the line is rejected.
func decodeLine(b *ingest.Batch, s *Scanner, m Mapping) (reason string, err error) {
	first := len(b.Readings)
	b.SetPlace(place(s))
	measurement := s.Measurement()
	machine, reason := machineOf(s, m.MachineTag)
	var field Field
	for s.Field(&field) {
		metric := field.Key
		if m.WithMeasurement && len(measurement)+len(metric) < factory.MaxNameBytes {
			metric = b.Join(measurement, metric)
		} else if m.WithMeasurement && reason == "" {
			reason = "measurement and field have more than " + strconv.Itoa(factory.MaxNameBytes-1) + " bytes together"
		}
		if field.Kind == String {
			err = addText(b, factory.Reading{Machine: machine, Metric: metric}, field.Text)
		} else {
			err = b.Add(factory.Reading{Machine: machine, Metric: metric, Value: field.Number})
		}
		if err != nil {
			return "", err
		}
	}
	ts := b.Now()
	if timestamp, given := s.Timestamp(); given {
		ts = m.Precision.Millis(timestamp)
	}
	if err := s.Err(); err != nil {
		return err.Detail + ", at byte " + strconv.Itoa(err.Column), nil
	}
	if reason != "" {
		return reason, nil
	}
	for i := first; i < len(b.Readings); i++ {
		b.Readings[i].ObservedAt = ts
		if err := factory.ValidateReading(b.Readings[i], b.Now()); err != nil {
			return ingest.DetailOf(err), nil
		}
	}
	return "", nil
}

// addText adds a reading of a text, unless the text is too long or damaged.
func addText(b *ingest.Batch, r factory.Reading, escaped string) error {
	text := unescapeString(escaped)
	if factory.ValidateText(text) != nil {
		b.Skipped++
		return nil
	}
	return b.AddText(r, text)
}

// machineOf reads the tags of a line; reason says why they name no machine.
func machineOf(s *Scanner, machineTag string) (machine, reason string) {
	var tag Tag
	host, tags, hosts := "", 0, 0
	for s.Tag(&tag) {
		switch tag.Key {
		case machineTag:
			machine = tag.Value
			tags++
		case hostTag:
			host = tag.Value
			hosts++
		}
	}
	switch {
	case tags > 1, tags == 0 && hosts > 1:
		return "", "the tag that names the machine " + ingest.Repeated
	case tags == 1:
		return machine, ""
	case hosts == 1:
		return host, ""
	}
	return "", "no machine: the line has neither the tag " + machineTag + " nor " + hostTag
}
