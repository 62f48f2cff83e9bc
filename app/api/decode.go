package api

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"smart-factory-backend/app/factory"

	"github.com/valyala/fasthttp"
)

// The decoder is a strict scanner for this one shape rather than a general
// parser. It sees repeated keys, exact numbers and the place of each fault,
// which a tree of values has lost, and it never recurses.

// bodyError says that a body as a whole can't be taken.
type bodyError struct {
	status  int
	detail  string
	pointer string
}

func (e *bodyError) Error() string { return e.detail }

// decode fills the batch from a body: an object, an array of objects, or
// NDJSON (by its media type, or because an object follows another). A point
// that is refused does not keep the others out; a body that is not JSON, or
// holds more than maxPoints, is refused whole. In NDJSON a bad line is one
// refused point.
func (b *batch) decode(body []byte, ndjson bool, now int64, maxPoints int) error {
	if ndjson {
		return b.decodeLines(body, now, maxPoints)
	}
	s := scanner{b: body}
	s.space()
	var err error
	switch s.peek() {
	case '{':
		err = b.decodeObject(&s, 0, now, maxPoints)
		if s.space(); err == nil && s.peek() == '{' {
			b.reset()
			return b.decodeLines(body, now, maxPoints)
		}
	case '[':
		err = b.decodeArray(&s, now, maxPoints)
	default:
		err = s.fault("want an object or an array of objects")
	}
	if s.space(); err == nil && !s.end() {
		err = s.fault("there is more after the end of the JSON value")
	}
	return located(err, body)
}

func (b *batch) decodeArray(s *scanner, now int64, maxPoints int) error {
	b.many = true
	s.i++
	if s.space(); s.accept(']') {
		return nil
	}
	for index := int32(0); ; index++ {
		s.space()
		if s.peek() != '{' {
			if _, err := s.skip(); err != nil {
				return err
			}
			b.reject(b.object(index), "want an object with machine, ts and values")
			if b.rejected+len(b.readings) > maxPoints {
				return tooMany(maxPoints)
			}
		} else if err := b.decodeObject(s, index, now, maxPoints); err != nil {
			return err
		}
		s.space()
		switch {
		case s.accept(','):
		case s.accept(']'):
			return nil
		default:
			return s.fault("want , or ] after an element")
		}
	}
}

// decodeLines reads NDJSON; indices in pointers count lines from 0.
func (b *batch) decodeLines(body []byte, now int64, maxPoints int) error {
	b.many = true
	index := int32(-1)
	var s scanner
	for line := range bytes.SplitSeq(body, []byte{'\n'}) {
		index++
		s = scanner{b: line}
		if s.space(); s.end() {
			continue
		}
		readings, rejected, errs := len(b.readings), b.rejected, len(b.errs)
		err := b.decodeLine(&s, index, now, maxPoints)
		if syntax, ok := errors.AsType[*syntaxError](err); ok {
			b.readings, b.places = b.readings[:readings], b.places[:readings]
			b.rejected, b.errs = rejected, b.errs[:errs]
			b.reject(b.object(index), fmt.Sprintf("not valid JSON at byte %d of the line: %s", syntax.at, syntax.what))
			err = nil
			if b.rejected+len(b.readings) > maxPoints {
				err = tooMany(maxPoints)
			}
		}
		if err != nil {
			return err
		}
	}
	if len(b.readings)+b.rejected == 0 {
		return &bodyError{status: fasthttp.StatusBadRequest, detail: "the body is empty"}
	}
	return nil
}

func (b *batch) decodeLine(s *scanner, index int32, now int64, maxPoints int) error {
	if s.peek() != '{' {
		return s.fault("want an object")
	}
	if err := b.decodeObject(s, index, now, maxPoints); err != nil {
		return err
	}
	if s.space(); !s.end() {
		return s.fault("there is more after the object")
	}
	return nil
}

// The members of an object, as bits of what was seen.
const (
	sawMachine = 1 << iota
	sawTS
	sawValues
)

// decodeObject reads {"machine":…,"ts":…,"values":{…}}, in any order.
func (b *batch) decodeObject(s *scanner, index int32, now int64, maxPoints int) error {
	o := object{batch: b, index: index, first: len(b.readings), ts: now, max: maxPoints}
	err := s.members(func(key string) error {
		switch key {
		case "machine":
			return o.member(s, sawMachine, key, o.readMachine)
		case "ts":
			return o.member(s, sawTS, key, o.readTS)
		case "values":
			return o.member(s, sawValues, key, o.readValues)
		}
		o.refuse("/"+escapePointer(key), "is not known here; known are machine, ts and values")
		_, err := s.skip()
		return err
	})
	if err != nil {
		return err
	}
	return o.finish(now)
}

// object is one object while it is read.
type object struct {
	batch   *batch
	index   int32
	first   int // of its readings in the batch
	max     int
	saw     int
	machine string
	ts      int64
	refused int // values of it that were refused
	// fault is what makes the whole object refused, at its place.
	fault, at string
}

// refuse refuses the object as a whole; its first fault is the one reported.
func (o *object) refuse(at, detail string) {
	if o.fault == "" {
		o.at, o.fault = at, detail
	}
}

func (o *object) member(s *scanner, bit int, key string, read func(*scanner) error) error {
	if o.saw&bit != 0 {
		o.refuse("/"+key, "stands there twice")
		_, err := s.skip()
		return err
	}
	o.saw |= bit
	return read(s)
}

func (o *object) readMachine(s *scanner) error {
	if s.peek() != '"' {
		o.refuse("/machine", "must be a string")
		_, err := s.skip()
		return err
	}
	var err error
	o.machine, err = s.text()
	return err
}

func (o *object) readTS(s *scanner) error {
	if s.peek() == '"' {
		text, err := s.text()
		if err != nil {
			return err
		}
		if o.ts, err = parseMoment(text); err != nil {
			o.refuse("/ts", err.Error())
		}
		return nil
	}
	raw, err := s.skip()
	if err != nil {
		return err
	}
	ts, ok := parseInteger(raw)
	if !ok {
		o.refuse("/ts", "must be Unix milliseconds, a whole number, or an ISO 8601 string")
	}
	o.ts = ts
	return nil
}

func (o *object) readValues(s *scanner) error {
	if s.peek() != '{' {
		o.refuse("/values", "must be an object of numbers")
		_, err := s.skip()
		return err
	}
	b := o.batch
	return s.members(func(metric string) error {
		if len(b.readings)+b.rejected >= o.max {
			return tooMany(o.max)
		}
		raw, err := s.skip()
		if err != nil {
			return err
		}
		value, fault := parseNumber(raw)
		if fault != "" {
			o.refused++
			b.reject(b.object(o.index)+"/values/"+escapePointer(metric), fault)
			return nil
		}
		b.readings = append(b.readings, factory.Reading{Metric: metric, Value: value})
		b.places = append(b.places, o.index)
		return nil
	})
}

// finish checks the object as a whole, then each of its readings.
func (o *object) finish(now int64) error {
	b := o.batch
	switch {
	case o.saw&sawMachine == 0:
		o.refuse("/machine", "is missing")
	case o.saw&sawValues == 0:
		o.refuse("/values", "is missing")
	case len(b.readings) == o.first && o.refused == 0:
		o.refuse("/values", "is empty")
	}
	if o.fault != "" {
		points := len(b.readings) - o.first
		b.readings, b.places = b.readings[:o.first], b.places[:o.first]
		b.reject(b.object(o.index)+o.at, o.fault)
		b.rejected += max(0, points-1)
		if b.rejected+len(b.readings) > o.max {
			return tooMany(o.max)
		}
		return nil
	}
	b.settle(o.first, o.machine, o.ts, now)
	return nil
}

// settle gives the readings from first on their machine and time, and drops
// those that break a rule.
func (b *batch) settle(first int, machine string, ts, now int64) {
	repeated := b.repeats(first)
	kept := first
	for i := first; i < len(b.readings); i++ {
		r := &b.readings[i]
		r.Machine, r.ObservedAt = machine, ts
		if repeated && b.seen[r.Metric] > 1 {
			b.reject(b.pointer(i), "stands there more than once")
			continue
		}
		if err := factory.ValidateReading(*r, now); err != nil {
			b.reject(b.pointer(i), detailOf(err))
			continue
		}
		b.readings[kept], b.places[kept] = *r, b.places[i]
		kept++
	}
	b.readings, b.places = b.readings[:kept], b.places[:kept]
}

// fewNames is up to where comparing names pairwise beats a map.
const fewNames = 12

// repeats reports whether the readings from first on name a metric twice; if
// so, seen has the counts.
func (b *batch) repeats(first int) bool {
	names := b.readings[first:]
	if len(names) <= fewNames {
		repeated := false
		for i := range names {
			for j := range i {
				repeated = repeated || names[i].Metric == names[j].Metric
			}
		}
		if !repeated {
			return false
		}
	}
	clear(b.seen)
	repeated := false
	for i := range names {
		b.seen[names[i].Metric]++
		repeated = repeated || b.seen[names[i].Metric] > 1
	}
	return repeated
}

// detailOf is a domain error without its kind, which the status tells.
func detailOf(err error) string {
	return strings.TrimSuffix(err.Error(), ": "+factory.ErrInvalid.Error())
}

func tooMany(most int) error {
	return &bodyError{
		status: fasthttp.StatusRequestEntityTooLarge,
		detail: fmt.Sprintf("the body holds more than %d points; nothing was taken", most),
	}
}

// located turns a fault of syntax into an answer that says where it is.
func located(err error, body []byte) error {
	syntax, ok := errors.AsType[*syntaxError](err)
	if !ok {
		return err
	}
	before := body[:min(syntax.at, len(body))]
	line := 1 + bytes.Count(before, []byte{'\n'})
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return &bodyError{
		status: fasthttp.StatusBadRequest,
		detail: fmt.Sprintf("the body is not valid JSON at line %d, column %d: %s", line, column, syntax.what),
	}
}
