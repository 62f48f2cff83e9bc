package config

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
)

// Variable describes one variable and its present value.
type Variable struct {
	Name string `json:"name"`
	// Value is the text as given, even if it was refused; redacted if it is
	// secret.
	Value string `json:"value"`
	// Default is the text of the default, or a description if it is computed.
	Default string `json:"default"`
	Source  Source `json:"source"`
	// Meaning is one line of prose.
	Meaning string `json:"meaning"`
	// Effective is what the server uses: Value, or what takes its place if that
	// leaves the choice to the server.
	Effective string `json:"effective"`
}

// Describe returns all variables in the order in which they are documented.
func (c Config) Describe() []Variable {
	var described []Variable
	for _, v := range c.variables() {
		in := c.inputs[v.name]
		d := Variable{
			Name: v.name, Value: v.redact(in.text), Default: v.defaultText,
			Source: in.source, Meaning: v.tag.Get("desc"),
		}
		if computed := v.tag.Get("computed"); computed != "" {
			d.Default = computed
			if in.source == FromDefault {
				d.Value = fmt.Sprint(v.field.Interface())
			}
		}
		d.Effective = d.Value
		if in.err == nil {
			d.Effective = c.effective(v, d.Value)
		}
		described = append(described, d)
	}
	return described
}

// effective returns what the server uses for a variable with a good text.
func (c Config) effective(v variable, text string) string {
	most := runtime.GOMAXPROCS(0)
	switch {
	case v.name == "CLUSTER_WORKERS" && (c.Workers == 0 || c.Workers > most):
		return strconv.Itoa(most)
	case v.name == "RATE_BURST":
		return strconv.Itoa(c.RateBurst)
	case v.name == "DATABASE_URL" && text == "":
		return c.SQLitePath()
	case v.name == "RETENTION" && c.Retention == 0:
		return "forever"
	case v.field.IsZero() && v.tag.Get("computed") != "":
		return v.tag.Get("computed")
	}
	return strings.TrimSpace(text)
}
