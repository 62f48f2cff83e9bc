package api

import (
	"strconv"

	"smart-factory-backend/app/factory"
)

// deviceDecoder fills a batch from the ThingsBoard forms:
//
//	{"temperature":21.5}
//	{"ts":1700000000000,"values":{"temperature":21.5}}
//
// or an array of either; for a gateway an object with one of these for each
// machine. An object is of the second form if it has both ts and values. True
// is 1 and false 0; text that spells a JSON number is that number, as in
// ThingsBoard; other text, objects and arrays are passed over and counted.
type deviceDecoder struct {
	batch *batch
	s     scanner
	now   int64
	max   int
}

// origin is the place of an object in the body.
type origin struct {
	device string // "" where the body is of one device
	index  int    // in the array, -1 where there is none
	values bool   // values are in a member of that name
}

func (o origin) pointer() string {
	pointer := ""
	if o.device != "" {
		pointer = "/" + escapePointer(o.device)
	}
	if o.index >= 0 {
		pointer += "/" + strconv.Itoa(o.index)
	}
	if o.values {
		pointer += "/values"
	}
	return pointer
}

// device reads what one machine sent.
func (d *deviceDecoder) device(machine string) error {
	s := &d.s
	s.space()
	if c := s.peek(); c != '{' && c != '[' {
		return s.fault("want an object or an array of objects")
	}
	if err := d.objects(machine, ""); err != nil {
		return err
	}
	return d.end()
}

// gateway reads what a gateway sent.
func (d *deviceDecoder) gateway() error {
	s := &d.s
	s.space()
	if s.peek() != '{' {
		return s.fault("want an object with a member for each machine")
	}
	seen := map[string]bool{}
	err := s.members(func(device string) error {
		at := origin{device: device, index: -1}
		c := s.peek()
		fault := ""
		switch {
		case device == "":
			fault = "a machine's name is empty"
		case seen[device]:
			fault = "stands there twice"
		case len(seen) >= d.max:
			return tooMany(d.max)
		case c != '{' && c != '[':
			fault = "want an object or an array of objects"
		default:
			seen[device] = true
			return d.objects(device, device)
		}
		if _, err := s.skip(); err != nil {
			return err
		}
		return d.reject(at.pointer(), fault)
	})
	if err != nil {
		return err
	}
	return d.end()
}

func (d *deviceDecoder) end() error {
	if d.s.space(); !d.s.end() {
		return d.s.fault("there is more after the end of the JSON value")
	}
	return nil
}

// objects reads an object, or an array of them.
func (d *deviceDecoder) objects(machine, device string) error {
	s := &d.s
	if s.peek() == '{' {
		return d.object(machine, origin{device: device, index: -1})
	}
	s.i++
	if s.space(); s.accept(']') {
		return nil
	}
	for at := (origin{device: device}); ; at.index++ {
		s.space()
		if s.peek() == '{' {
			if err := d.object(machine, at); err != nil {
				return err
			}
		} else {
			if _, err := s.skip(); err != nil {
				return err
			}
			if err := d.reject(at.pointer(), "want an object"); err != nil {
				return err
			}
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

// object reads an object of either form.
func (d *deviceDecoder) object(machine string, at origin) error {
	var err error
	if at.values, err = d.wrapped(); err != nil {
		return err
	}
	b := d.batch
	first := len(b.readings)
	if len(b.origins) >= d.max {
		return tooMany(d.max)
	}
	b.origins = append(b.origins, at)
	if !at.values {
		if err := d.s.members(d.value); err != nil {
			return err
		}
		b.settle(first, machine, d.now, d.now)
		return nil
	}
	o := object{batch: b, first: first, ts: d.now, max: d.max}
	err = d.s.members(func(key string) error {
		switch key {
		case "ts":
			return o.member(&d.s, sawTS, key, o.readTS)
		case "values":
			return o.member(&d.s, sawValues, key, func(*scanner) error { return d.values(&o) })
		}
		_, err := d.s.skip() // ThingsBoard does not mind either
		return err
	})
	if err != nil {
		return err
	}
	if o.fault != "" {
		b.readings, b.places = b.readings[:first], b.places[:first]
		at.values = false
		return d.reject(at.pointer()+o.at, o.fault)
	}
	b.settle(first, machine, o.ts, d.now)
	return nil
}

func (d *deviceDecoder) values(o *object) error {
	if d.s.peek() == '{' {
		return d.s.members(d.value)
	}
	o.refuse("/values", "must be an object")
	_, err := d.s.skip()
	return err
}

// wrapped looks ahead whether the object has both ts and values.
func (d *deviceDecoder) wrapped() (bool, error) {
	ahead := d.s
	ts, values := false, false
	err := ahead.members(func(key string) error {
		ts, values = ts || key == "ts", values || key == "values"
		_, err := ahead.skip()
		return err
	})
	return ts && values, err
}

// value reads the value of a metric.
func (d *deviceDecoder) value(metric string) error {
	b := d.batch
	raw, err := d.s.skip()
	if err != nil {
		return err
	}
	value, fault := 0.0, ""
	switch raw[0] {
	case '{', '[':
		b.skipped++
		return nil
	case '"':
		inner := raw[1 : len(raw)-1]
		if _, _, _, ok := decimal(inner); !ok {
			b.skipped++
			return nil
		}
		value, fault = parseNumber(inner)
	default:
		switch string(raw) {
		case "true":
			value = 1
		case "false":
		default:
			value, fault = parseNumber(raw)
		}
	}
	place := len(b.origins) - 1
	if fault != "" {
		return d.reject(b.origins[place].pointer()+"/"+escapePointer(metric), fault)
	}
	if len(b.readings)+b.rejected >= d.max {
		return tooMany(d.max)
	}
	b.readings = append(b.readings, factory.Reading{Metric: metric, Value: value})
	b.places = append(b.places, int32(place))
	return nil
}

func (d *deviceDecoder) reject(pointer, detail string) error {
	d.batch.reject(pointer, detail)
	if len(d.batch.readings)+d.batch.rejected > d.max {
		return tooMany(d.max)
	}
	return nil
}
