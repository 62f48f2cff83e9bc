package lineprotocol

import (
	"strconv"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"
)

// Mapping says how a line becomes readings.
type Mapping struct {
	// MachineTag is the tag that names the machine. The tag "host" does on lines
	// without it.
	MachineTag string
	Naming     Naming
	// Earlier names the metrics that keep the name they had in an earlier release.
	Earlier Earlier
}

// Earlier is the naming of an earlier release and the metrics that it has named.
type Earlier struct {
	Naming Naming
	// Has reports whether the machine has the metric since then. It must not change
	// its answer. Nil means that there are none.
	Has func(machine, metric string) bool
}

// hostTag is the tag that Telegraf puts on each line.
const hostTag = "host"

// Decoder decodes lines. It remembers the series that it has seen, in at most 16 MiB.
// It is safe for concurrent use.
type Decoder struct {
	mapping Mapping
	cache   seriesCache
}

// NewDecoder returns a Decoder that maps lines by m.
func NewDecoder(m Mapping) *Decoder { return &Decoder{mapping: m} }

// Decode fills b from lines whose timestamps have the given precision. It changes
// body in place where names are escaped. A line is accepted or rejected as a whole;
// texts that are too long are skipped and counted.
// The error is an *ingest.Error of kind TooLarge; b is undefined then.
func (d *Decoder) Decode(b *ingest.Batch, body []byte, p Precision) error {
	s := NewScanner(body)
	for s.Next() {
		mark := b.Mark()
		reason, err := d.decodeLine(b, &s, p)
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
func (d *Decoder) decodeLine(b *ingest.Batch, s *Scanner, p Precision) (reason string, err error) {
	first := len(b.Readings)
	b.SetPlace(place(s))
	r, key, reason := d.findSeries(s)
	var field Field
	grown := 0
	for i := 0; r != nil && s.Field(&field); i++ {
		metric, refusal, added := r.metric(d.mapping, field.Key, i)
		if reason == "" {
			reason = refusal
		}
		grown += added
		if field.Kind == String {
			err = addText(b, factory.Reading{Machine: r.machine, Metric: metric}, field.Text)
		} else {
			err = b.Add(factory.Reading{Machine: r.machine, Metric: metric, Value: field.Number})
		}
		if err != nil {
			return "", err
		}
	}
	if grown > 0 && len(key.hit) > 0 { // also if the line is rejected: the memory is used
		d.cache.add(string(key.hit), r, grown)
	}
	ts := b.Now()
	timestamp, given := s.Timestamp()
	if given {
		ts = p.Millis(timestamp)
	}
	if err := s.Err(); err != nil {
		return err.Detail + ", at byte " + strconv.Itoa(err.Column), nil
	}
	if reason != "" {
		return reason, nil
	}
	if key.own != "" {
		d.cache.add(key.own, r, 0)
	}
	if err := factory.ValidateObservedAt(ts, b.Now()); err != nil {
		if hint := p.explainUnit(timestamp, b.Now()); hint != "" {
			return hint, nil
		}
		return ingest.DetailOf(err), nil
	}
	for i := first; i < len(b.Readings); i++ {
		b.Readings[i].ObservedAt = ts
	}
	return "", nil
}

// findSeries reads the measurement and the tags of a line; reason says why they are
// no series.
func (d *Decoder) findSeries(s *Scanner) (r *series, key seriesKey, reason string) {
	raw := s.seriesKey()
	if len(raw) > 0 {
		if r := d.cache.find(raw); r != nil {
			s.skipSeries(len(raw))
			return r, seriesKey{hit: raw}, ""
		}
		key.own = string(raw) // the scanner may change raw
	}
	r, reason = d.newSeries(s)
	return r, key, reason
}

// seriesKey is the key of a series in the cache. Both are empty if the series is not
// to be remembered.
type seriesKey struct {
	hit []byte // lies in the body; the series is in the cache
	own string // the series is not in the cache yet
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
