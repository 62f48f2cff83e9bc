package thingsboard

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/jsonscan"
)

// DecodeDevice fills b from the telemetry of one machine. The error is an
// *ingest.Error; b is undefined then.
func DecodeDevice(b *ingest.Batch, body []byte, machine string) error {
	return decode(b, body, "", func(d *decoder) error { return d.device(machine) })
}

// DecodeGateway fills b from the telemetry of a gateway, which names its machines.
// The error is an *ingest.Error; b is undefined then.
func DecodeGateway(b *ingest.Batch, body []byte) error {
	return decode(b, body, "", func(d *decoder) error { return d.gateway(d.readObjects) })
}

// decode calls read with a decoder of body, and if body is no JSON, of what its
// lenient form means.
func decode(b *ingest.Batch, body []byte, scope string, read func(*decoder) error) error {
	err := read(&decoder{batch: b, scan: jsonscan.New(body), scope: scope})
	if _, malformed := errors.AsType[*jsonscan.SyntaxError](err); !malformed {
		return err
	}
	if !beginsLenient(body) {
		return ingest.MalformedJSON(err, body)
	}
	strict, failed := toStrict(body)
	if failed != nil {
		return ingest.MalformedJSON(failed, body)
	}
	b.Reset()
	err = read(&decoder{batch: b, scan: jsonscan.New(strict), scope: scope})
	return ingest.MalformedJSON(err, strict)
}

// beginsLenient reports whether body begins as an object, an array or a comment does.
func beginsLenient(body []byte) bool {
	s := jsonscan.New(body)
	s.SkipSpace()
	return strings.IndexByte("{[/#", s.Peek()) >= 0
}

// noIndex is the index of an object that is in no array.
const noIndex = -1

// decoder reads one body.
type decoder struct {
	batch   *ingest.Batch
	scan    jsonscan.Scanner
	scope   string       // is behind the name of each metric
	place   ingest.Place // of the current object
	objects int          // read so far
}

func (d *decoder) device(machine string) error {
	d.scan.SkipSpace()
	if !d.atObjects() {
		return d.scan.Fail(wantObjects)
	}
	if err := d.readObjects(machine, ""); err != nil {
		return err
	}
	return d.scan.ExpectEnd()
}

// gateway reads an object with a member for each machine, whose value read reads.
func (d *decoder) gateway(read func(machine, key string) error) error {
	d.scan.SkipSpace()
	if d.scan.Peek() != '{' {
		return d.scan.Fail("expected an object with a member for each machine")
	}
	seen := map[string]bool{}
	err := d.scan.Object(func(machine string) error {
		detail := ""
		switch {
		case machine == "":
			detail = "the name of a machine is empty"
		case seen[machine]:
			detail = ingest.Repeated
		case len(seen) >= d.batch.MaxPoints():
			return ingest.TooManyPoints(d.batch.MaxPoints())
		case !d.atObjects():
			detail = wantObjects
		default:
			seen[machine] = true
			return read(machine, machine)
		}
		return d.rejectValue(ingest.Place{Key: machine, Index: noIndex}, detail)
	})
	if err != nil {
		return err
	}
	return d.scan.ExpectEnd()
}

const wantObjects = "expected an object or an array of objects"

// atObjects reports whether an object or an array is next.
func (d *decoder) atObjects() bool { return d.scan.Peek() == '{' || d.scan.Peek() == '[' }

// rejectValue skips the next value and counts it as one rejected point.
func (d *decoder) rejectValue(p ingest.Place, detail string) error {
	if _, err := d.scan.Skip(); err != nil {
		return err
	}
	return d.batch.Reject(p.Pointer(), detail)
}

// readObjects reads an object or an array of them, which is the value of key in
// the body; "" is the body itself.
func (d *decoder) readObjects(machine, key string) error {
	p := ingest.Place{Key: key, Index: noIndex}
	if d.scan.Peek() == '{' {
		return d.readObject(machine, p)
	}
	return d.scan.Array(func() error {
		p.Index++
		if d.scan.Peek() != '{' {
			return d.rejectValue(p, "expected an object")
		}
		return d.readObject(machine, p)
	})
}

// readObject reads an object of either form.
func (d *decoder) readObject(machine string, p ingest.Place) error {
	hasTimestamp, err := d.hasTimestamp()
	if err != nil {
		return err
	}
	b := d.batch
	if d.objects++; d.objects > b.MaxPoints() { // an empty object is not a point
		return ingest.TooManyPoints(b.MaxPoints())
	}
	first := len(b.Readings)
	if hasTimestamp {
		return d.readTimestamped(machine, p, first)
	}
	d.setPlace(p)
	if err := d.scan.Object(d.readValue); err != nil {
		return err
	}
	return d.complete(first, machine, p)
}

// complete completes the readings from index first on, which have no time.
func (d *decoder) complete(first int, machine string, p ingest.Place) error {
	if _, fault := d.batch.CheckObject(machine, d.batch.Now()); fault != "" {
		return d.batch.RejectObject(first, p.Pointer(), fault)
	}
	d.batch.Complete(first, machine, d.batch.Now())
	return nil
}

func (d *decoder) setPlace(p ingest.Place) {
	p.Suffix = uint8(len(d.scope))
	d.place = p
	d.batch.SetPlace(p)
}

// hasTimestamp reports whether the object that is next has both ts and values.
func (d *decoder) hasTimestamp() (bool, error) {
	ahead := d.scan
	ts, values := false, false
	err := ahead.Object(func(key string) error {
		ts, values = ts || key == "ts", values || key == "values"
		_, err := ahead.Skip()
		return err
	})
	return ts && values, err
}

// readTimestamped reads an object with ts and values. Like ThingsBoard, it ignores
// other members.
func (d *decoder) readTimestamped(machine string, p ingest.Place, first int) error {
	inValues := p
	inValues.Values = true
	d.setPlace(inValues)
	var ts int64
	var hasTS, hasValues bool
	fault, faultAt := "", "" // the first of the object
	err := d.scan.Object(func(key string) (err error) {
		detail := ""
		switch {
		case key == "ts" && !hasTS:
			hasTS = true
			ts, detail, err = d.readTimestamp()
		case key == "values" && !hasValues && d.scan.Peek() == '{':
			hasValues = true
			err = d.scan.Object(d.readValue)
		default:
			if key == "values" && !hasValues {
				hasValues = true
				detail = "must be an object"
			} else if key == "ts" || key == "values" {
				detail = ingest.Repeated
			}
			_, err = d.scan.Skip()
		}
		if fault == "" && detail != "" {
			fault, faultAt = detail, "/"+key
		}
		return err
	})
	if err != nil {
		return err
	}
	if fault == "" {
		var member string
		if member, fault = d.batch.CheckObject(machine, ts); member == "ts" {
			faultAt = "/ts"
		}
	}
	if fault != "" {
		return d.batch.RejectObject(first, p.Pointer()+faultAt, fault)
	}
	d.batch.Complete(first, machine, ts)
	return nil
}

// readTimestamp reads a time: any number of Unix milliseconds, whose fraction is cut
// off, or a string as ingest.ParseTime accepts it.
func (d *decoder) readTimestamp() (ms int64, detail string, err error) {
	if d.scan.Peek() == '"' {
		return ingest.ReadTimestamp(&d.scan)
	}
	raw, err := d.scan.Skip()
	if err != nil {
		return 0, "", err
	}
	if ms, ok := jsonscan.ParseInteger(raw); ok {
		return ms, "", nil
	}
	const maxExact = 1 << 53
	value, detail := jsonscan.ParseNumber(raw)
	if detail != "" || math.Abs(value) > maxExact {
		return 0, "must be a number of Unix milliseconds or an ISO 8601 string", nil
	}
	return int64(value), "", nil
}

// readValue reads the value of a metric at the current place.
func (d *decoder) readValue(metric string) error {
	raw, err := d.scan.Skip()
	if err != nil {
		return err
	}
	if d.scope != "" {
		metric += d.scope
	} else if strings.HasSuffix(metric, clientScope) {
		return d.reject(metric, "ends with "+clientScope+", which marks attributes")
	}
	value, detail := 0.0, ""
	switch raw[0] {
	case '{', '[':
		return d.addValidText(metric, string(raw)) // ThingsBoard stores JSON as it is
	case '"':
		inner := raw[1 : len(raw)-1]
		if !jsonscan.IsNumber(inner) {
			return d.addText(metric, raw)
		}
		value, detail = jsonscan.ParseNumber(inner)
	default:
		if value, detail = jsonscan.ParseNumber(raw); detail != "" && !jsonscan.IsNumber(raw) {
			return d.addWord(metric, string(raw))
		}
	}
	if detail != "" {
		return d.reject(metric, detail)
	}
	return d.batch.Add(factory.Reading{Metric: metric, Value: value})
}

// reject counts a value at the current place as a rejected point.
func (d *decoder) reject(metric, detail string) error {
	return d.batch.Reject(d.place.Pointer()+"/"+jsonscan.EscapePointer(strings.TrimSuffix(metric, d.scope)), detail)
}

// addWord adds a value without quotes that is no number of JSON: true, false, null, a
// number such as .5 or 007, or a text.
func (d *decoder) addWord(metric, word string) error {
	switch strings.ToLower(word) {
	case "true":
		return d.batch.Add(factory.Reading{Metric: metric, Value: 1})
	case "false":
		return d.batch.Add(factory.Reading{Metric: metric})
	case "null":
		return nil // ThingsBoard ignores it, too
	case "nan", "infinity", "+infinity", "-infinity":
		return d.reject(metric, word+" is not a finite number")
	}
	if digits := strings.TrimLeft(word, "-"); strings.Trim(digits, "0123456789.") == "" {
		if value, err := strconv.ParseFloat(word, 64); err == nil {
			return d.batch.Add(factory.Reading{Metric: metric, Value: value})
		}
	}
	return d.addText(metric, []byte(`"`+word+`"`)) // words have no characters to escape
}

// addText adds a text, which raw is as JSON. A text that is too long or damaged is
// skipped.
func (d *decoder) addText(metric string, raw []byte) error {
	scan := jsonscan.New(raw)
	text, err := scan.Text()
	if err != nil {
		d.batch.Skipped++
		return nil //nolint:nilerr // Skip has accepted the same text
	}
	return d.addValidText(metric, text)
}

// addValidText adds a text unless it is too long or damaged.
func (d *decoder) addValidText(metric, text string) error {
	if factory.ValidateText(text) != nil {
		d.batch.Skipped++
		return nil
	}
	return d.batch.AddText(factory.Reading{Metric: metric}, text)
}
