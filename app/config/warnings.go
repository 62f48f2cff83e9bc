package config

import (
	"slices"
	"strings"
)

// Warning is something an operator should know that doesn't prevent a start.
type Warning struct {
	// Variable is the name that the warning is about.
	Variable string
	// Message is a sentence about the variable, without its subject and full stop.
	Message string
}

// String returns the warning on one line.
func (w Warning) String() string { return w.Variable + ": " + w.Message }

// Warnings returns a warning for each entry of environ, which has the form of
// os.Environ, whose name looks like a misspelt variable, and one if c allows
// access without a key.
func (c Config) Warnings(environ []string) []Warning {
	var known []string
	for _, v := range c.variables() {
		known = append(known, v.name, v.name+fileSuffix)
	}
	var warnings []Warning
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if slices.Contains(known, name) {
			continue
		}
		if similar := Suggest(strings.ToUpper(name), known); similar != "" {
			warnings = append(warnings, Warning{name, "is not a variable of this program; was " + similar + " meant?"})
		}
	}
	if c.APIKeys.Reveal() == "" && c.inputs["API_KEYS"].err == nil && !c.Production() {
		warnings = append(warnings, Warning{"API_KEYS", "is empty, so anybody may read and write; production refuses to start like this"})
	}
	return warnings
}
