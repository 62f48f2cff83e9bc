package config

import "fmt"

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
		described = append(described, d)
	}
	return described
}
