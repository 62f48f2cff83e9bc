package jsonpoints

import (
	"bytes"
	"errors"
	"fmt"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/jsonscan"
)

// Decode fills b from an object or an array of objects. A body in which a second
// object follows the first is read as NDJSON. The error is an *ingest.Error; b is
// undefined then.
func Decode(b *ingest.Batch, body []byte) error {
	d := decoder{batch: b, scan: jsonscan.New(body)}
	s := &d.scan
	s.SkipSpace()
	var err error
	switch s.Peek() {
	case '{':
		err = d.object(noIndex)
		if s.SkipSpace(); err == nil && s.Peek() == '{' {
			b.Reset()
			return DecodeLines(b, body)
		}
	case '[':
		err = d.array()
	default:
		return notAnObject(s, body)
	}
	if err == nil {
		err = s.ExpectEnd()
	}
	return ingest.MalformedJSON(err, body)
}

// notAnObject returns the error of a body that is neither an object nor an array.
func notAnObject(s *jsonscan.Scanner, body []byte) error {
	begin := *s
	raw, err := s.Skip()
	if err != nil || s.ExpectEnd() != nil || kindOf(raw) == "" {
		return ingest.MalformedJSON(begin.Fail("expected an object or an array of objects"), body)
	}
	return &ingest.Error{Kind: ingest.Malformed, Detail: "the body is " + kindOf(raw) + ", want an object with machine, ts and values, an array of these objects, or one in each line"}
}

// kindOf returns what a JSON value is, "" for a word that is none.
func kindOf(raw []byte) string {
	switch {
	case raw[0] == '"':
		return "a string"
	case raw[0] == '{':
		return "an object"
	case raw[0] == '[':
		return "an array"
	case string(raw) == "null":
		return "null"
	case string(raw) == "true", string(raw) == "false":
		return "a boolean"
	case jsonscan.IsNumber(raw):
		return "a number"
	}
	return ""
}

// DecodeLines fills b from NDJSON. Pointers count lines from 0. The error is an
// *ingest.Error; b is undefined then.
func DecodeLines(b *ingest.Batch, body []byte) error {
	d := decoder{batch: b}
	index := int32(-1)
	for line := range bytes.SplitSeq(body, []byte{'\n'}) {
		index++
		d.scan = jsonscan.New(line)
		if d.scan.SkipSpace(); d.scan.AtEnd() {
			continue
		}
		mark := b.Mark()
		err := d.line(index)
		if syntax, ok := errors.AsType[*jsonscan.SyntaxError](err); ok {
			b.Rollback(mark)
			err = b.Reject(place(index), fmt.Sprintf("not valid JSON at byte %d of the line: %s", syntax.Offset, syntax.Detail))
		}
		if err != nil {
			return err
		}
	}
	if len(b.Readings)+b.Rejected == 0 {
		return &ingest.Error{Kind: ingest.Malformed, Detail: "the body is empty"}
	}
	return nil
}

// noIndex is the index of an object that is the whole body.
const noIndex = -1

// place returns the pointer to the object with the given index.
func place(index int32) string { return ingest.Place{Index: index}.Pointer() }

// decoder reads one body, or one line of NDJSON.
type decoder struct {
	batch *ingest.Batch
	scan  jsonscan.Scanner
}

func (d *decoder) line(index int32) error {
	if d.scan.Peek() != '{' {
		return d.notAnObjectLine(index)
	}
	if err := d.object(index); err != nil {
		return err
	}
	return d.scan.ExpectEnd()
}

// notAnObjectLine rejects a line that is not an object.
func (d *decoder) notAnObjectLine(index int32) error {
	begin := d.scan
	raw, err := d.scan.Skip()
	if err != nil || d.scan.ExpectEnd() != nil || kindOf(raw) == "" {
		return begin.Fail("expected an object")
	}
	return d.batch.Reject(place(index), "is "+kindOf(raw)+", want an object with machine, ts and values")
}

func (d *decoder) array() error {
	index := int32(noIndex)
	return d.scan.Array(func() error {
		index++
		if d.scan.Peek() == '{' {
			return d.object(index)
		}
		if _, err := d.scan.Skip(); err != nil {
			return err
		}
		return d.batch.Reject(place(index), "expected an object with machine, ts and values")
	})
}

// The members of an object, as bits.
const (
	memberMachine = 1 << iota
	memberTS
	memberValues
)

// object is an object of readings while it is read.
type object struct {
	*decoder
	index    int32
	first    int // index of its first reading in the batch
	members  int // bits of those that were read
	machine  string
	ts       int64
	rejected int // of its values
	// fault is the first reason to reject the object as a whole, and faultAt the
	// pointer to it within the object.
	fault, faultAt string
}

// object reads one object and completes its readings.
func (d *decoder) object(index int32) error {
	b := d.batch
	o := object{decoder: d, index: index, first: len(b.Readings), ts: b.Now()}
	b.SetPlace(ingest.Place{Index: index, Values: true})
	if err := d.scan.Object(o.member); err != nil {
		return err
	}
	switch {
	case o.members&memberMachine == 0:
		o.fail("/machine", "is missing")
	case o.members&memberValues == 0:
		o.fail("/values", "is missing")
	case len(b.Readings) == o.first && o.rejected == 0:
		o.fail("/values", "is empty")
	}
	if o.fault == "" {
		if member, detail := b.CheckObject(o.machine, o.ts); member != "" {
			o.fail("/"+member, detail)
		}
	}
	if o.fault != "" {
		return b.RejectObject(o.first, place(index)+o.faultAt, o.fault)
	}
	b.Complete(o.first, o.machine, o.ts)
	return nil
}

func (o *object) fail(at, detail string) {
	if o.fault == "" {
		o.faultAt, o.fault = at, detail
	}
}

// member reads the value of a member.
func (o *object) member(key string) error {
	bit := 0
	switch key {
	case "machine":
		bit = memberMachine
	case "ts":
		bit = memberTS
	case "values":
		bit = memberValues
	default:
		o.fail("/"+jsonscan.EscapePointer(key), "is unknown; the members are machine, ts and values")
	}
	if o.members&bit != 0 {
		o.fail("/"+key, ingest.Repeated)
		bit = 0
	}
	o.members |= bit
	switch bit {
	case memberMachine:
		return o.readMachine()
	case memberTS:
		return o.readTimestamp()
	case memberValues:
		return o.readValues()
	}
	_, err := o.scan.Skip()
	return err
}

func (o *object) readMachine() (err error) {
	if o.scan.Peek() != '"' {
		o.fail("/machine", "must be a string")
		_, err = o.scan.Skip()
		return err
	}
	o.machine, err = o.scan.Text()
	return err
}

func (o *object) readTimestamp() error {
	ts, detail, err := ingest.ReadTimestamp(&o.scan)
	if detail != "" {
		o.fail("/ts", detail)
	}
	o.ts = ts
	return err
}

func (o *object) readValues() error {
	if o.scan.Peek() != '{' {
		o.fail("/values", "must be an object of numbers and texts")
		_, err := o.scan.Skip()
		return err
	}
	return o.scan.Object(o.readValue)
}

func (o *object) readValue(metric string) error {
	if err := o.batch.CheckRoom(); err != nil {
		return err
	}
	if o.scan.Peek() == '"' {
		text, err := o.scan.Text()
		if err != nil {
			return err
		}
		return o.batch.AddText(factory.Reading{Metric: metric}, text)
	}
	raw, err := o.scan.Skip()
	if err != nil {
		return err
	}
	value, detail := jsonscan.ParseNumber(raw)
	if detail != "" && string(raw) == "true" {
		value, detail = 1, ""
	} else if detail != "" && string(raw) == "false" {
		detail = ""
	}
	if detail != "" {
		if kind := kindOf(raw); kind != "" && kind != "a number" {
			detail = "must be a number, a boolean or a text, not " + kind
		}
		o.rejected++
		return o.batch.Reject(place(o.index)+"/values/"+jsonscan.EscapePointer(metric), detail)
	}
	return o.batch.Add(factory.Reading{Metric: metric, Value: value})
}
