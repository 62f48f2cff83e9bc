package api

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"
)

// objectReader reads a JSON object whose members are known: each at most once,
// nothing else. It finds all faults and not only the first.
type objectReader struct {
	s      scanner
	faults []fieldError
}

// memberReader reads the value of a member, or says what is wrong with it. The error
// is one of syntax.
type memberReader func(s *scanner) (fault string, err error)

// readJSONObject reads a body that is one object; members that are null are left
// as they are. The error names every member that is at fault.
func readJSONObject(body []byte, members map[string]memberReader) error {
	d := objectReader{s: scanner{b: body}}
	s := &d.s
	s.space()
	err := s.fault("want an object")
	if s.peek() == '{' {
		err = d.object("", func(key string) memberReader { return members[key] })
	}
	if s.space(); err == nil && !s.end() {
		err = s.fault("there is more after the end of the object")
	}
	if err != nil {
		return located(err, body)
	}
	if len(d.faults) > 0 {
		return invalidMembers(d.faults)
	}
	return nil
}

func invalidMembers(faults []fieldError) error {
	detail := "the body is not right at " + faults[0].Pointer + ": " + faults[0].Detail
	if len(faults) > 1 {
		detail = fmt.Sprintf("the body is not right at %d places", len(faults))
	}
	return &httpError{status: fasthttp.StatusBadRequest, detail: detail, errors: faults}
}

func (d *objectReader) fault(pointer, detail string) {
	if len(d.faults) < maxErrors {
		d.faults = append(d.faults, fieldError{Pointer: pointer, Detail: detail})
	}
}

// object reads an object; member returns who reads a member, nil for nobody.
func (d *objectReader) object(at string, member func(key string) memberReader) error {
	seen := map[string]bool{}
	return d.s.members(func(key string) error {
		pointer := at + "/" + escapePointer(key)
		read := member(key)
		fault := ""
		switch {
		case seen[key]:
			read, fault = nil, "stands there twice"
		case read == nil:
			fault = "is not known here"
		case len(seen) >= maxMembers:
			return tooMany(maxMembers)
		}
		seen[strings.Clone(key)] = true
		if read == nil || d.null() {
			read = ignoredMember
		}
		said, err := read(&d.s)
		if err != nil {
			return err
		}
		if fault == "" {
			fault = said
		}
		if fault != "" {
			d.fault(pointer, fault)
		}
		return nil
	})
}

// maxMembers is the most members of an object that is read this way.
const maxMembers = 1000

// null reports whether the next value is null.
func (d *objectReader) null() bool {
	ahead := d.s
	raw, err := ahead.skip()
	return err == nil && string(raw) == "null"
}

// ignoredMember reads any value. The scanner passes over brackets without a look at
// what is in them; a document has to be JSON as a whole.
func ignoredMember(s *scanner) (string, error) {
	raw, err := s.skip()
	if err == nil && !json.Valid(raw) {
		err = s.fault("a value that is not JSON")
	}
	return "", err
}

// stringMember reads a string.
func stringMember(dst *string) memberReader {
	return func(s *scanner) (string, error) {
		if s.peek() != '"' {
			_, err := s.skip()
			return "must be a string", err
		}
		text, err := s.text()
		*dst = strings.Clone(text)
		return "", err
	}
}

// numberMember reads a number.
func numberMember(dst **float64) memberReader {
	return func(s *scanner) (string, error) {
		raw, err := s.skip()
		if err != nil {
			return "", err
		}
		value, fault := parseNumber(raw)
		if fault == "" {
			*dst = &value
		}
		return fault, nil
	}
}

// stringMapMember reads an object of strings.
func stringMapMember(dst *map[string]string) memberReader {
	return func(s *scanner) (string, error) {
		if s.peek() != '{' {
			_, err := s.skip()
			return "must be an object of strings", err
		}
		*dst = map[string]string{}
		fault := ""
		err := s.members(func(key string) error {
			var value string
			said, err := stringMember(&value)(s)
			_, twice := (*dst)[key]
			switch {
			case err != nil:
				return err
			case said != "":
				fault = "must be an object of strings, and " + clip(key) + " is none"
			case twice:
				fault = "has " + clip(key) + " twice"
			case len(*dst) >= maxMembers:
				return tooMany(maxMembers)
			}
			(*dst)[strings.Clone(key)] = value
			return nil
		})
		return fault, err
	}
}
