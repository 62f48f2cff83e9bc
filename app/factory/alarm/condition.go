package alarm

import (
	"fmt"
	"math"
	"slices"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"
)

// Op is the operator of a condition.
type Op string

// The operators.
const (
	Above      Op = ">"
	AtLeast    Op = ">="
	Below      Op = "<"
	AtMost     Op = "<="
	Equal      Op = "=="
	NotEqual   Op = "!="
	Outside    Op = "outside"
	InState    Op = "state"
	WithoutAny Op = "no_data"
)

// Condition is what a rule watches for.
type Condition struct {
	Op Op `json:"op"`
	// Limit is for the comparisons, Low and High are for Outside.
	Limit *float64 `json:"limit,omitempty"`
	Low   *float64 `json:"low,omitempty"`
	High  *float64 `json:"high,omitempty"`
	// Deadband is how far a value must come back over the limit to end the condition.
	Deadband float64 `json:"deadband,omitempty"`
	// State is for InState.
	State timeline.State `json:"state,omitempty"`
	// For is for WithoutAny.
	For Duration `json:"for,omitempty"`
}

// OfValues reports whether the condition is judged by the values of a metric.
func (c *Condition) OfValues() bool { return c.Op != InState && c.Op != WithoutAny }

// Holds reports whether a value meets the condition, which was met before or not:
// the deadband delays its end. It is for conditions of values only.
func (c *Condition) Holds(before bool, value float64) bool {
	deadband := 0.0
	if before {
		deadband = c.Deadband
	}
	switch c.Op {
	case Above:
		return value > *c.Limit-deadband
	case AtLeast:
		return value >= *c.Limit-deadband
	case Below:
		return value < *c.Limit+deadband
	case AtMost:
		return value <= *c.Limit+deadband
	case Equal:
		return value == *c.Limit
	case NotEqual:
		return value != *c.Limit
	case Outside:
		return value < *c.Low+deadband || value > *c.High-deadband
	}
	return false
}

// Calm returns the values that leave the condition as it is: those from low to high,
// or, if inverted, all others. It is for conditions of values only.
func (c *Condition) Calm(before bool) (low, high float64, inverted bool) {
	deadband, end := 0.0, math.Inf(1)
	if before {
		deadband = c.Deadband
	}
	switch c.Op {
	case Above:
		return math.Inf(-1), *c.Limit - deadband, before
	case AtLeast:
		return *c.Limit - deadband, end, !before
	case Below:
		return *c.Limit + deadband, end, before
	case AtMost:
		return math.Inf(-1), *c.Limit + deadband, !before
	case Equal:
		return *c.Limit, *c.Limit, !before
	case NotEqual:
		return *c.Limit, *c.Limit, before
	case Outside:
		return *c.Low + deadband, *c.High - deadband, before
	}
	return math.Inf(-1), end, false // a rule that was deleted has no condition
}

// limit returns the limit that a value has crossed, nil if the condition has none.
func (c *Condition) limit(value float64) *float64 {
	if c.Op != Outside {
		return c.Limit
	}
	if value < *c.Low {
		return c.Low
	}
	return c.High
}

// validate checks the condition and adds its faults below pointer.
func (c *Condition) validate(faults *factory.MemberErrors, pointer string) {
	takes := map[Op][]string{
		Above: {"limit", "deadband"}, AtLeast: {"limit", "deadband"}, Below: {"limit", "deadband"}, AtMost: {"limit", "deadband"},
		Equal: {"limit"}, NotEqual: {"limit"}, Outside: {"low", "high", "deadband"}, InState: {"state"}, WithoutAny: {"for"},
	}
	members, known := takes[c.Op]
	if !known {
		faults.Add(pointer+"/op", "must be one of > >= < <= == != outside state no_data")
		return
	}
	for _, member := range []struct {
		name  string
		given bool
	}{
		{"limit", c.Limit != nil},
		{"low", c.Low != nil},
		{"high", c.High != nil},
		{"deadband", c.Deadband != 0},
		{"state", c.State != ""},
		{"for", c.For != 0},
	} {
		expected := slices.Contains(members, member.name)
		switch {
		case member.given && !expected:
			faults.Add(pointer+"/"+member.name, fmt.Sprintf("does not belong to the operator %s", c.Op))
		case !member.given && expected && member.name != "deadband":
			faults.Add(pointer+"/"+member.name, fmt.Sprintf("is required by the operator %s", c.Op))
		}
	}
	if c.Deadband < 0 {
		faults.Add(pointer+"/deadband", "must not be negative")
	}
	if c.Op == WithoutAny && c.For != 0 && c.For < minInterval {
		faults.Add(pointer+"/for", "must be at least 1s")
	}
	if c.Op == InState && c.State != "" && !slices.Contains(states, c.State) {
		faults.Add(pointer+"/state", "must be one of "+stateNames)
	}
	if c.Op == Outside && c.Low != nil && c.High != nil {
		switch {
		case *c.Low > *c.High:
			faults.Add(pointer+"/low", "must not be above high")
		case *c.Low+c.Deadband > *c.High-c.Deadband:
			faults.Add(pointer+"/deadband", "must leave values between low and high that end the alarm")
		}
	}
}
