package thingsboard

import (
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/jsonscan"
)

// DecodeDevice fills b from the telemetry of one machine. The error is an
// *ingest.Error; b is undefined then.
func DecodeDevice(b *ingest.Batch, body []byte, machine string) error {
	d := decoder{batch: b, scan: jsonscan.New(body)}
	return ingest.MalformedJSON(d.device(machine), body)
}

// DecodeGateway fills b from the telemetry of a gateway, which names its machines.
// The error is an *ingest.Error; b is undefined then.
func DecodeGateway(b *ingest.Batch, body []byte) error {
	d := decoder{batch: b, scan: jsonscan.New(body)}
	return ingest.MalformedJSON(d.gateway(), body)
}

// noIndex is the index of an object that is in no array.
const noIndex = -1

// decoder reads one body.
type decoder struct {
	batch   *ingest.Batch
	scan    jsonscan.Scanner
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

func (d *decoder) gateway() error {
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
			return d.readObjects(machine, machine)
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
	b.Complete(first, machine, b.Now())
	return nil
}

func (d *decoder) setPlace(p ingest.Place) {
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
			ts, detail, err = ingest.ReadTimestamp(&d.scan)
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
	if fault != "" {
		d.batch.Truncate(first)
		return d.batch.Reject(p.Pointer()+faultAt, fault)
	}
	d.batch.Complete(first, machine, ts)
	return nil
}

// readValue reads the value of a metric at the current place.
func (d *decoder) readValue(metric string) error {
	raw, err := d.scan.Skip()
	if err != nil {
		return err
	}
	value, detail := 0.0, ""
	switch raw[0] {
	case '{', '[':
		d.batch.Skipped++
		return nil
	case '"':
		inner := raw[1 : len(raw)-1]
		if !jsonscan.IsNumber(inner) {
			return d.addText(metric, raw)
		}
		value, detail = jsonscan.ParseNumber(inner)
	default:
		switch string(raw) {
		case "true":
			value = 1
		case "false":
		default:
			value, detail = jsonscan.ParseNumber(raw)
		}
	}
	if detail != "" {
		return d.batch.Reject(d.place.Pointer()+"/"+jsonscan.EscapePointer(metric), detail)
	}
	return d.batch.Add(factory.Reading{Metric: metric, Value: value})
}

// addText adds a text, which raw is as JSON. A text that is too long or damaged is
// skipped.
func (d *decoder) addText(metric string, raw []byte) error {
	scan := jsonscan.New(raw)
	text, err := scan.Text()
	if err != nil || factory.ValidateText(text) != nil {
		d.batch.Skipped++
		return nil //nolint:nilerr // Skip has accepted the same text
	}
	return d.batch.AddText(factory.Reading{Metric: metric}, text)
}
