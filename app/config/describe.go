package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Source says where a value comes from.
type Source string

// The sources of a value.
const (
	FromDefault     Source = "default"
	FromEnvironment Source = "environment"
	FromFile        Source = "file"
)

// origin is what Load found of one variable.
type origin struct {
	source Source
	text   string
}

// Variable describes one variable as it stands now.
type Variable struct {
	Name string `json:"name"`
	// Value is the text as given, even if it was refused; *** if it is secret.
	Value string `json:"value"`
	// Default is the default's value, or words for one that is computed.
	Default string `json:"default"`
	Source  Source `json:"source"`
	// Meaning is one line of prose.
	Meaning string `json:"meaning"`
}

// Describe returns all variables, as Load found them, in the order in which
// they are documented.
func (c Config) Describe() []Variable {
	var variables []Variable
	for _, s := range settingsOf(&c) {
		v := Variable{
			Name: s.name, Value: s.standard, Default: s.standard,
			Source: FromDefault, Meaning: s.tag.Get("meaning"),
		}
		if computed := s.tag.Get("shown"); computed != "" {
			v.Value, v.Default = fmt.Sprint(reflect.ValueOf(s.value).Elem()), computed
		}
		if from := c.origins[s.name]; from.source != "" && from.source != FromDefault {
			v.Value, v.Source = showText(s.value, from.text), from.source
		}
		variables = append(variables, v)
	}
	return variables
}

// Markdown returns the table of variables for the manual.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| variable | default | meaning |\n| --- | --- | --- |\n")
	for _, v := range Default().Describe() {
		standard := v.Default
		if standard == "" {
			standard = "empty"
		} else if s := tagOf(v.Name); s.Get("shown") == "" {
			standard = "`" + standard + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.Name, standard, v.Meaning)
	}
	return b.String()
}

// tagOf returns the struct tag of the named variable.
func tagOf(name string) reflect.StructTag {
	for field := range reflect.TypeFor[Config]().Fields() {
		if field.Tag.Get("envconfig") == name {
			return field.Tag
		}
	}
	return ""
}

// showText returns what may be shown of the text that was read into value.
func showText(value any, text string) string {
	switch value.(type) {
	case *Secret:
		return NewSecret(text).String()
	case *URL:
		return NewURL(text).String()
	}
	return text
}
