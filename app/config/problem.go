package config

import (
	"fmt"
	"strings"
)

// Problem is one variable that can't be used as it is.
type Problem struct {
	// Variable is its name as it stands in the environment.
	Variable string
	// Value is what it was set to, *** if that is secret.
	Value string
	// Message says what is wrong or what is allowed.
	Message string
}

// String returns the problem in one line.
func (p Problem) String() string {
	return fmt.Sprintf("%s=%q: %s", p.Variable, p.Value, p.Message)
}

// Problems is the error of Load: everything that is wrong, in the order of
// the variables in Config.
type Problems []Problem

// Error returns one line per problem under a heading.
func (ps Problems) Error() string {
	var b strings.Builder
	b.WriteString("the configuration has a problem:")
	if len(ps) > 1 {
		b.Reset()
		fmt.Fprintf(&b, "the configuration has %d problems:", len(ps))
	}
	for _, p := range ps {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// About returns the problems of the named variables only, and nil if these
// have none. A command that needs two variables need not fail for a third.
func (ps Problems) About(names ...string) error {
	var about Problems
	for _, p := range ps {
		for _, name := range names {
			if p.Variable == name {
				about = append(about, p)
			}
		}
	}
	if about == nil {
		return nil
	}
	return about
}

// Warning is something to tell the operator that keeps nothing from starting.
type Warning struct {
	// Variable is the name that the warning is about.
	Variable string
	// Message is a whole sentence without its end mark.
	Message string
}

// String returns the warning in one line.
func (w Warning) String() string { return w.Variable + ": " + w.Message }
