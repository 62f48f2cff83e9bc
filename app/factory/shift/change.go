package shift

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"smart-factory-backend/app/factory"
)

// Change returns the document to store when data takes the place of the document
// old; old is nil for a new shift. now is the server's time in Unix milliseconds.
//
// The change holds from valid_from on, by default from the day of now. Until then
// the former versions remain valid: the result lists them under "earlier". Members
// "earlier" of data are ignored, so that a client can put what it got. The error is
// that of Parse, or wraps factory.ErrConflict if there are too many versions.
func Change(old, data []byte, now int64) ([]byte, error) {
	next, parsed, err := parse("", data)
	if err != nil {
		return nil, err
	}
	next.Earlier = nil
	if old == nil {
		return json.Marshal(next)
	}
	prior, priorParsed, err := parse("", old)
	if err != nil {
		return nil, fmt.Errorf("read the stored shift: %w", err)
	}
	v := &parsed.versions[0]
	same := *v
	if next.ValidFrom == "" {
		same.from = priorParsed.versions[0].from
	}
	if reflect.DeepEqual(same, priorParsed.versions[0]) {
		prior.Name = next.Name
		return json.Marshal(prior)
	}
	if next.ValidFrom == "" {
		c := clock{zone: v.zone}
		v.from = floorDiv(c.wallAt(floorDiv(now, 1000)), secondsPerDay)
		next.ValidFrom = formatDay(v.from)
		if v.until < v.from {
			return nil, factory.MemberErrors{{Pointer: "/valid_until", Detail: "is in the past; give valid_from to change the past"}}
		}
	}
	for _, b := range append(slices.Clone(prior.Earlier), prior.body) {
		kept, err := b.cut(v.from - 1)
		if err != nil {
			return nil, fmt.Errorf("read the stored shift: %w", err)
		}
		next.Earlier = append(next.Earlier, kept...)
	}
	if len(next.Earlier) > MaxVersions {
		return nil, fmt.Errorf("the shift has %d earlier versions; store the change under another id: %w", MaxVersions, factory.ErrConflict)
	}
	return json.Marshal(next)
}

// cut returns b as a list of one version that is valid until a day at the latest, or
// of none if it begins later.
func (b body) cut(last int64) ([]body, error) {
	v, err := b.parse()
	if err != nil {
		return nil, err
	}
	if v.from > last || last < dayOf(0, 1, 1) {
		return nil, nil
	}
	b.Name = ""
	if v.until > last {
		b.ValidUntil = formatDay(last)
	}
	return []body{b}, nil
}
