package config

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is a variable whose value can't be used.
type Problem struct {
	// Variable is its name in the environment.
	Variable string
	// Value is its text, redacted if it is secret.
	Value string
	// Message says what is wrong, or what is accepted.
	Message string
}

// String returns the problem on one line.
func (p Problem) String() string {
	return fmt.Sprintf("%s=%q: %s", p.Variable, p.Value, p.Message)
}

// Problems is the error of Load and Validate: everything that is wrong, in the
// order of the fields of Config.
type Problems []Problem

// Error returns a heading and one line per problem.
func (ps Problems) Error() string {
	heading := "the configuration has a problem:"
	if len(ps) > 1 {
		heading = fmt.Sprintf("the configuration has %d problems:", len(ps))
	}
	var b strings.Builder
	b.WriteString(heading)
	for _, p := range ps {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// About returns the problems of the named variables, and nil if they have
// none: a command that uses two variables need not fail because of a third.
func (ps Problems) About(names ...string) error {
	about := slices.DeleteFunc(slices.Clone(ps), func(p Problem) bool { return !slices.Contains(names, p.Variable) })
	if len(about) == 0 {
		return nil
	}
	return about
}
