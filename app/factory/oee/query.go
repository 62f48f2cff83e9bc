package oee

import (
	"fmt"
	"time"

	"smart-factory-backend/app/factory"
)

// Query selects machines and a time.
type Query struct {
	Scope factory.Scope
	// Span is the range of time, unless Shift is given.
	Span factory.Span
	// Shift and Day select the instance of a shift; Day is YYYY-MM-DD. Machines on
	// which it does not take place are left out. "" is none.
	Shift, Day string
	By         By
	// Zone is the zone of days and hours; nil is UTC.
	Zone *time.Location
}

// Answer is the answer to a Query.
type Answer struct {
	// Span is the range of time that was asked for.
	Span   factory.Span
	Total  Figures
	Groups []Group
}

// ReasonsAnswer is the answer to a Query about downtimes.
type ReasonsAnswer struct {
	Span factory.Span
	// Downtime is that of all reasons, in seconds.
	Downtime float64
	Reasons  []Reason
}

// QueryError says which part of a query is wrong, by the name of the parameter.
type QueryError struct {
	Parameter, Detail string
	// Kind is factory.ErrInvalid or factory.ErrNotFound.
	Kind error
}

func (e *QueryError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Parameter, e.Detail, e.Kind) }

func (e *QueryError) Unwrap() error { return e.Kind }
