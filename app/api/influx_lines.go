package api

import (
	"strconv"
	"unsafe"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest/lineprotocol"
)

// influxMapping is how a line becomes readings.
type influxMapping struct {
	precision lineprotocol.Precision
	// machineTag is the tag that names the machine; where a line has none of
	// it, the tag host does.
	machineTag string
	// withMeasurement puts the measurement and _ before a field's name.
	withMeasurement bool
}

// hostTag is what Telegraf puts on every line.
const hostTag = "host"

// decodeInflux fills the batch from lines, some of whose names it unescapes in
// the body. A line is taken whole or refused whole; strings in it are passed
// over and counted.
func (b *batch) decodeInflux(body []byte, m influxMapping, now int64, maxPoints int) error {
	b.lines = true
	s := lineprotocol.NewScanner(body)
	for s.Next() {
		first, skipped := len(b.readings), b.skipped
		reason, err := b.decodeInfluxLine(&s, m, now, maxPoints)
		if err != nil {
			return err
		}
		if reason != "" {
			b.readings, b.places, b.skipped = b.readings[:first], b.places[:first], skipped
			b.reject(b.line(s.Line()), reason)
			if b.rejected+len(b.readings) > maxPoints {
				return tooMany(maxPoints)
			}
		}
	}
	return nil
}

// decodeInfluxLine adds a line's readings; reason is why the line is refused.
func (b *batch) decodeInfluxLine(s *lineprotocol.Scanner, m influxMapping, now int64, maxPoints int) (reason string, err error) {
	first := len(b.readings)
	measurement := s.Measurement()
	machine, reason := machineOf(s, m.machineTag)
	var field lineprotocol.Field
	for s.Field(&field) {
		if field.Kind == lineprotocol.String {
			b.skipped++
			continue
		}
		if len(b.readings)+b.rejected >= maxPoints {
			return "", tooMany(maxPoints)
		}
		metric := field.Key
		if m.withMeasurement && len(measurement)+len(metric) < factory.MaxNameBytes {
			metric = b.join(measurement, metric)
		} else if m.withMeasurement && reason == "" {
			reason = "measurement and field have more than " + strconv.Itoa(factory.MaxNameBytes-1) + " bytes together"
		}
		b.readings = append(b.readings, factory.Reading{Machine: machine, Metric: metric, Value: field.Number})
		b.places = append(b.places, int32(s.Line()))
	}
	ts := now
	if timestamp, given := s.Timestamp(); given {
		ts = m.precision.Millis(timestamp)
	}
	if fault := s.Fault(); fault != nil {
		return fault.Reason + ", at byte " + strconv.Itoa(fault.Column), nil
	}
	if reason != "" {
		return reason, nil
	}
	for i := first; i < len(b.readings); i++ {
		b.readings[i].ObservedAt = ts
		if err := factory.ValidateReading(b.readings[i], now); err != nil {
			return detailOf(err), nil
		}
	}
	return "", nil
}

// machineOf reads a line's tags; reason is why they name no machine.
func machineOf(s *lineprotocol.Scanner, machineTag string) (machine, reason string) {
	var tag lineprotocol.Tag
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
		return "", "the tag that names the machine stands there twice"
	case tags == 1:
		return machine, ""
	case hosts == 1:
		return host, ""
	}
	return "", "no machine: the line has neither the tag " + machineTag + " nor " + hostTag
}

// join puts a measurement before a field's name. The result is good for as
// long as the batch is.
func (b *batch) join(measurement, field string) string {
	start := len(b.names)
	b.names = append(b.names, measurement...)
	b.names = append(b.names, '_')
	b.names = append(b.names, field...)
	name := b.names[start:]
	return unsafe.String(unsafe.SliceData(name), len(name))
}
