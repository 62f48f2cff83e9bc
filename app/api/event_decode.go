package api

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"
	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/jsonscan"

	"github.com/valyala/fasthttp"
)

// postedEvent is one event of a request.
type postedEvent struct {
	factory.Event
	// pointer locates it in the body.
	pointer string
	// index is its position in the body.
	index int
	// withoutTime means that the event happens now.
	withoutTime bool
}

// eventBatch holds the events of a request that are valid.
type eventBatch struct {
	machine, by string
	now         int64
	limit       int // of events
	list        []postedEvent
	count       int // of all events
	rejected    int
	errors      []fieldError
}

// decode reads a body: an event, an array of events, or one event a line.
func (b *eventBatch) decode(body []byte, lines bool) error {
	s := jsonscan.New(body)
	s.SkipSpace()
	var err error
	switch {
	case lines:
		for err == nil && !s.AtEnd() {
			err = b.next(&s, "/"+strconv.Itoa(b.count))
			s.SkipSpace()
		}
	case s.Peek() == '[':
		err = s.Array(func() error { return b.next(&s, "/"+strconv.Itoa(b.count)) })
	case s.Peek() == '{':
		err = b.next(&s, "")
	default:
		err = s.Fail("expected an event or an array of events")
	}
	if err == nil {
		err = s.ExpectEnd()
	}
	return ingest.MalformedJSON(err, body)
}

// next reads the event that is next in s.
func (b *eventBatch) next(s *jsonscan.Scanner, pointer string) error {
	if b.count >= b.limit {
		return &httpError{status: fasthttp.StatusRequestEntityTooLarge, detail: "the body has more than " + strconv.Itoa(b.limit) + " events; nothing was stored"}
	}
	e := eventDecoder{posted: postedEvent{pointer: pointer, index: b.count}, now: b.now}
	b.count++
	if err := e.read(s); err != nil {
		return err
	}
	if len(e.faults) > 0 {
		b.reject(e.faults...)
		return nil
	}
	e.posted.Machine, e.posted.By = b.machine, b.by
	b.list = append(b.list, e.posted)
	return nil
}

// reject counts an event that is not stored.
func (b *eventBatch) reject(faults ...fieldError) {
	b.rejected++
	b.errors = append(b.errors, faults[:min(len(faults), ingest.MaxErrors-len(b.errors))]...)
}

// setIDs makes ids of the key of the request for the events that have none. The last
// one has the key itself, so that a longer or shorter list under the same key differs.
func (b *eventBatch) setIDs(key string) {
	for i := range b.list {
		switch e := &b.list[i]; {
		case key == "" || e.ID != "":
		case e.index == b.count-1:
			e.ID = key
		default:
			e.ID = key + "/" + strconv.Itoa(e.index)
		}
	}
}

// events returns the events as the journal takes them.
func (b *eventBatch) events() []factory.Event {
	list := make([]factory.Event, len(b.list))
	for i, e := range b.list {
		list[i] = e.Event
	}
	return list
}

// eventDecoder decodes one event.
type eventDecoder struct {
	posted postedEvent
	now    int64
	faults []fieldError
	// rest holds the members that belong to the kind, as the inside of an object.
	rest []byte
}

func (d *eventDecoder) fail(member, detail string) {
	if len(d.faults) < ingest.MaxErrors {
		d.faults = append(d.faults, fieldError{Pointer: d.posted.pointer + member, Detail: detail})
	}
}

func (d *eventDecoder) read(s *jsonscan.Scanner) error {
	if s.Peek() != '{' {
		d.fail("", "must be an object")
		_, err := s.Skip()
		return err
	}
	d.posted.withoutTime = true
	kind := ""
	seen := map[string]bool{}
	err := s.Object(func(key string) error {
		if repeated := seen[key]; repeated || len(seen) >= maxMembers {
			d.fail("/"+jsonscan.EscapePointer(key), ingest.Repeated)
			_, err := s.Skip()
			return err
		}
		seen[strings.Clone(key)] = true
		switch {
		case isNull(*s):
			_, err := s.Skip()
			return err
		case key == "id":
			return d.name(s, "/id", &d.posted.ID)
		case key == "replaces":
			return d.name(s, "/replaces", &d.posted.Replaces)
		case key == "kind":
			detail, err := stringMember(&kind)(s)
			if detail != "" {
				d.fail("/kind", detail)
			}
			return err
		case key == "ts":
			return d.timestamp(s)
		}
		return d.member(s, key)
	})
	if err != nil {
		return err
	}
	d.finish(kind)
	return nil
}

// name reads an id.
func (d *eventDecoder) name(s *jsonscan.Scanner, pointer string, dst *string) error {
	detail, err := stringMember(dst)(s)
	if err == nil && detail == "" {
		if invalid := factory.ValidateName(pointer[1:], *dst); invalid != nil {
			detail = ingest.DetailOf(invalid)
		}
	}
	if detail != "" {
		d.fail(pointer, detail)
	}
	return err
}

func (d *eventDecoder) timestamp(s *jsonscan.Scanner) error {
	at, detail, err := ingest.ReadTimestamp(s)
	if err != nil {
		return err
	}
	if detail == "" {
		if invalid := factory.ValidateObservedAt(at, d.now); invalid != nil {
			detail = ingest.DetailOf(invalid)
		}
	}
	if detail != "" {
		d.fail("/ts", detail)
	}
	d.posted.ObservedAt, d.posted.withoutTime = at, false
	return nil
}

// member keeps a member for the parser of the kind.
func (d *eventDecoder) member(s *jsonscan.Scanner, key string) error {
	raw, err := s.Skip()
	if err != nil {
		return err
	}
	if !json.Valid(raw) {
		d.fail("/"+jsonscan.EscapePointer(key), jsonscan.Excerpt(string(raw))+" is not valid JSON")
		return nil
	}
	if len(d.rest) > 0 {
		d.rest = append(d.rest, ',')
	}
	d.rest = append(append(appendString(d.rest, key), ':'), raw...)
	return nil
}

// finish checks what the kind demands.
func (d *eventDecoder) finish(kind string) {
	e := &d.posted
	e.Kind = factory.EventKind(kind)
	if d.posted.withoutTime {
		e.ObservedAt = d.now
	}
	switch {
	case kind == "" && !d.failed("/kind"):
		d.fail("/kind", "is missing; the kinds are "+postedKinds)
	case kind != "" && !slices.Contains(timeline.PostedKinds, e.Kind):
		d.fail("/kind", strconv.Quote(jsonscan.Excerpt(kind))+" is none of "+postedKinds)
	case kind != "":
		data, err := timeline.ParseData(e.Kind, slices.Concat([]byte("{"), d.rest, []byte("}")))
		var faults factory.MemberErrors
		faults.AddError("", err)
		for _, fault := range faults {
			d.fail(fault.Pointer, fault.Detail)
		}
		e.Subject, e.Data = timeline.SubjectOf(e.Kind), data
	}
}

func (d *eventDecoder) failed(member string) bool {
	return slices.ContainsFunc(d.faults, func(f fieldError) bool { return f.Pointer == d.posted.pointer+member })
}

// postedKinds lists the kinds of event that can be posted.
var postedKinds = strings.Join(kindNames(timeline.PostedKinds), ", ")

func kindNames(kinds []factory.EventKind) []string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = string(kind)
	}
	return names
}
