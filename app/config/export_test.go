package config

import (
	"fmt"
	"strings"
)

// Markdown returns the table of variables for the operator's manual.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| variable | default | meaning |\n| --- | --- | --- |\n")
	c := Default()
	for _, v := range c.variables() {
		value := v.tag.Get("computed")
		if value == "" {
			value = "empty"
			if text := v.defaultText; text != "" {
				value = "`" + text + "`"
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.name, value, v.tag.Get("desc"))
	}
	return b.String()
}
