package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/jsonscan"

	"github.com/valyala/fasthttp"
)

// maxMembers is the most members of an object in a request.
const maxMembers = 1000

var errTooManyMembers = &httpError{
	status: fasthttp.StatusRequestEntityTooLarge, detail: fmt.Sprintf("an object in the body has more than %d members", maxMembers),
}

// memberReader reads the value of a member, which is next in s. detail says what
// is wrong with the value; err is a syntax error.
type memberReader func(s *jsonscan.Scanner) (detail string, err error)

// readJSONObject reads a body that is one JSON object. Each member may appear
// once and must be in members; null leaves it unset. The error lists all members
// that are at fault, up to ingest.MaxErrors.
func readJSONObject(body []byte, members map[string]memberReader) error {
	s := jsonscan.New(body)
	var faults []fieldError
	seen := map[string]bool{}
	member := func(key string) error {
		read, fault := members[key], ""
		switch {
		case seen[key]:
			read, fault = nil, ingest.Repeated
		case read == nil:
			fault = "is unknown"
		case len(seen) >= maxMembers:
			return errTooManyMembers
		}
		seen[strings.Clone(key)] = true
		if read == nil || isNull(s) {
			read = ignoredMember
		}
		detail, err := read(&s)
		if err != nil {
			return err
		}
		if fault == "" {
			fault = detail
		}
		if fault != "" && len(faults) < ingest.MaxErrors {
			faults = append(faults, fieldError{Pointer: "/" + jsonscan.EscapePointer(key), Detail: fault})
		}
		return nil
	}
	s.SkipSpace()
	err := s.Fail("expected an object")
	if s.Peek() == '{' {
		err = s.Object(member)
	}
	if err == nil {
		err = s.ExpectEnd()
	}
	if err != nil {
		return ingest.MalformedJSON(err, body)
	}
	if len(faults) > 0 {
		return invalidMembers(faults)
	}
	return nil
}

// invalidMembers is a 400 that lists the members at fault, at least one.
func invalidMembers(faults []fieldError) *httpError {
	detail := "the body is invalid at " + faults[0].Pointer + ": " + faults[0].Detail
	if len(faults) > 1 {
		detail = fmt.Sprintf("the body is invalid at %d places", len(faults))
	}
	return &httpError{status: fasthttp.StatusBadRequest, detail: detail, errors: faults}
}

// isNull reports whether the next value is null. s is a copy and reads ahead.
func isNull(s jsonscan.Scanner) bool {
	raw, err := s.Skip()
	return err == nil && string(raw) == "null"
}

// ignoredMember accepts any JSON value. The scanner does not look into brackets,
// so the value is checked here.
func ignoredMember(s *jsonscan.Scanner) (string, error) {
	raw, err := s.Skip()
	if err == nil && !json.Valid(raw) {
		err = s.Fail("invalid JSON value")
	}
	return "", err
}

// stringMember reads a string into dst.
func stringMember(dst *string) memberReader {
	return func(s *jsonscan.Scanner) (string, error) {
		if s.Peek() != '"' {
			_, err := s.Skip()
			return "must be a string", err
		}
		text, err := s.Text()
		*dst = strings.Clone(text)
		return "", err
	}
}

// numberMember reads a number into a new variable and sets dst to it.
func numberMember(dst **float64) memberReader {
	return func(s *jsonscan.Scanner) (string, error) {
		raw, err := s.Skip()
		if err != nil {
			return "", err
		}
		value, detail := jsonscan.ParseNumber(raw)
		if detail == "" {
			*dst = &value
		}
		return detail, nil
	}
}

// rawMember reads a value of any type into dst, without spaces.
func rawMember(dst *[]byte) memberReader {
	return func(s *jsonscan.Scanner) (string, error) {
		raw, err := s.Skip()
		if err != nil {
			return "", err
		}
		var compact bytes.Buffer
		if json.Compact(&compact, raw) != nil {
			return "", s.Fail("invalid JSON value")
		}
		*dst = compact.Bytes()
		return "", nil
	}
}

// stringMapMember reads an object of strings into a new map and sets dst to it.
func stringMapMember(dst *map[string]string) memberReader {
	return func(s *jsonscan.Scanner) (string, error) {
		if s.Peek() != '{' {
			_, err := s.Skip()
			return "must be an object of strings", err
		}
		*dst = map[string]string{}
		fault := ""
		err := s.Object(func(key string) error {
			var value string
			detail, err := stringMember(&value)(s)
			_, repeated := (*dst)[key]
			switch {
			case err != nil:
				return err
			case detail != "":
				fault = "must be an object of strings, but " + jsonscan.Excerpt(key) + " is not a string"
			case repeated:
				fault = "contains " + jsonscan.Excerpt(key) + " more than once"
			case len(*dst) >= maxMembers:
				return errTooManyMembers
			}
			(*dst)[strings.Clone(key)] = value
			return nil
		})
		return fault, err
	}
}
