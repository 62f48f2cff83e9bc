package config

import (
	"fmt"
	"io"
	"os"
	"strings"

	"smart-factory-backend/app/access"
)

// Source says where a value comes from.
type Source string

// The sources of a value.
const (
	FromDefault     Source = "default"
	FromEnvironment Source = "environment"
	FromFile        Source = "file"
)

// input is what Load found for one variable.
type input struct {
	source Source
	text   string
	path   string // of the file that text was read from, if any
	err    error
}

const fileSuffix = "_FILE"

// Load reads every variable with lookup, which has the signature of
// os.LookupEnv, and the files that <NAME>_FILE variables name. An error is of
// type Problems and lists everything that is wrong. The variables it lists
// then have their defaults, and Config is good for Describe, or for variables
// that Problems.About reports no problem for.
func Load(lookup func(name string) (value string, set bool)) (Config, error) {
	c := Config{inputs: map[string]input{}}
	c.runtimeDir, _ = lookup("XDG_RUNTIME_DIR")
	for _, v := range c.variables() {
		in := v.read(lookup)
		if in.err == nil {
			in.err = v.decode(in.text)
		}
		if in.err != nil {
			_ = v.decode(v.defaultText) // a test decodes every default
		}
		c.inputs[v.name] = in
	}
	err := c.Validate()
	c.derive()
	return c, err
}

// Default returns the Config of an empty environment.
func Default() Config {
	c, _ := Load(func(string) (string, bool) { return "", false }) // which is valid
	return c
}

// read finds the text of a variable without decoding it. Unless the variable
// allows an empty text, that counts as not set.
func (v variable) read(lookup func(string) (string, bool)) input {
	text, set := lookup(v.name)
	set = set && (text != "" || v.allowsEmpty())
	path := ""
	if !strings.HasSuffix(v.name, fileSuffix) {
		path, _ = lookup(v.name + fileSuffix)
	}
	switch {
	case set && path != "":
		return input{
			source: FromEnvironment, text: text,
			err: fmt.Errorf("%s%s=%q is set, too; want one of them", v.name, fileSuffix, path),
		}
	case set:
		return input{source: FromEnvironment, text: text}
	case path != "":
		text, err := readFile(path)
		if text == "" && err == nil && !v.allowsEmpty() {
			text = v.defaultText
		}
		return input{source: FromFile, text: text, path: path, err: err}
	}
	return input{source: FromDefault, text: v.defaultText}
}

// maxFileBytes bounds what is read of a file that a variable names.
const maxFileBytes = 1 << 20

// readFile returns the contents of a file without trailing newlines.
func readFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxFileBytes {
		return "", fmt.Errorf("%s holds more than %d bytes", path, maxFileBytes)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// derive fills in the defaults that depend on other variables.
func (c *Config) derive() {
	if c.LogFormat == "" {
		c.LogFormat = "text"
		if c.Production() {
			c.LogFormat = "json"
		}
	}
	if c.RateBurst == 0 {
		c.RateBurst = c.RateLimit
	}
	if c.MaxSeriesPerKey == 0 {
		c.MaxSeriesPerKey = c.MaxSeries
		if keys, err := access.Parse(c.APIKeys.Reveal(), 1); err == nil && keys.Len() > 1 {
			c.MaxSeriesPerKey = (c.MaxSeries + 1) / 2
		}
	}
	if c.Port != 0 {
		c.ControlSocket = c.ControlSocketFor(c.Port)
	}
}
