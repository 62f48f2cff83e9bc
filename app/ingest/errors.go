package ingest

import (
	"errors"
	"fmt"
	"strings"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest/jsonscan"
)

// Kind classifies an Error, so that each transport can choose its own status.
type Kind uint8

const (
	// Invalid marks a point that breaks a rule. The rest of the body is
	// unaffected.
	Invalid Kind = iota + 1
	// Malformed marks a body that is not in its format. No reading of it may be
	// stored.
	Malformed
	// TooLarge marks a body with more points than the batch allows. No reading
	// of it may be stored.
	TooLarge
)

// Error describes a rejected point or a rejected body.
type Error struct {
	// Pointer locates the fault: a JSON pointer into the body (RFC 6901), or
	// LinePrefix and a line number. It is empty for the body as a whole.
	Pointer string
	// Detail is safe to show to the sender.
	Detail string
	Kind   Kind
}

// Error returns the detail.
func (e *Error) Error() string { return e.Detail }

// MalformedJSON converts a *jsonscan.SyntaxError in body to an *Error that names
// its line and column. It returns any other error unchanged, nil included.
func MalformedJSON(err error, body []byte) error {
	syntax, ok := errors.AsType[*jsonscan.SyntaxError](err)
	if !ok {
		return err
	}
	line, column := syntax.Position(body)
	return &Error{Kind: Malformed, Detail: fmt.Sprintf("the body is not valid JSON at line %d, column %d: %s", line, column, syntax.Detail)}
}

// DetailOf returns the text of a domain error without the kind at its end, which
// the status of an answer already tells.
func DetailOf(err error) string {
	return strings.TrimSuffix(err.Error(), ": "+factory.ErrInvalid.Error())
}
