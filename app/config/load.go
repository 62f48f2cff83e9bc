package config

import (
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

// Load reads the environment of the process, and the files that it names. The
// error is of type Problems and lists everything that is wrong; the Config is
// then good for Describe only, or for variables that Problems.About clears.
func Load() (Config, []Warning, error) {
	var c Config
	settings := settingsOf(&c)
	if err := readEnvironment(settings); err != nil {
		return c, nil, err
	}
	c.origins = make(map[string]origin, len(settings))
	for _, s := range settings {
		from := readFile(s)
		c.origins[s.name] = origin{source: from, text: s.text}
	}
	c.derive()
	problems := c.check(settings)
	warnings := misspelt(os.Environ(), settings)
	if c.APIKeys.Reveal() == "" && !c.Production() {
		warnings = append(warnings, Warning{"API_KEYS", "is empty, so anybody may read and write; production refuses to start like this"})
	}
	if len(problems) > 0 {
		return c, warnings, problems
	}
	return c, warnings, nil
}

// Default returns the Config of an empty environment.
func Default() Config {
	var c Config
	for _, s := range settingsOf(&c) {
		_ = s.Decode(s.standard) // never fails; the problem would be in a tag
	}
	c.derive()
	return c
}

// readEnvironment lets envconfig look up all settings and their defaults. Its
// specification is made of the settings themselves, under Config's tags.
func readEnvironment(settings []*setting) error {
	fields := make([]reflect.StructField, len(settings))
	for i, s := range settings {
		fields[i] = reflect.StructField{Name: s.name, Type: reflect.TypeFor[envconfig.Decoder](), Tag: s.tag}
	}
	spec := reflect.New(reflect.StructOf(fields))
	for i, s := range settings {
		spec.Elem().Field(i).Set(reflect.ValueOf(s))
	}
	if err := envconfig.Process("", spec.Interface()); err != nil {
		return fmt.Errorf("read the environment: %w", err)
	}
	return nil
}

// readFile takes the setting from its file if there is one, and returns where
// the setting comes from in the end.
func readFile(s *setting) Source {
	path := ""
	if !strings.HasSuffix(s.name, fileSuffix) {
		path = os.Getenv(s.name + fileSuffix)
	}
	value, set := os.LookupEnv(s.name)
	set = set && (value != "" || s.tag.Get("empty") != "")
	switch {
	case path == "" && set:
		return FromEnvironment
	case path == "":
		return FromDefault
	case set:
		s.problem = fmt.Sprintf("%s%s=%q is set, too; want one of them", s.name, fileSuffix, path)
		return FromEnvironment
	}
	text, err := readText(path)
	s.path = path
	_ = s.Decode(text)
	if err != nil {
		s.text, s.problem = "", err.Error()
	}
	return FromFile
}

// fileMax bounds what is read of a file that a variable names.
const fileMax = 1 << 20

// readText returns the contents of a file without newlines at the end.
func readText(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, fileMax+1))
	if err != nil {
		return "", err
	}
	if len(text) > fileMax {
		return "", fmt.Errorf("%s holds more than %d bytes", path, fileMax)
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
	if c.Port != 0 {
		c.ControlSocket = c.ControlSocketFor(c.Port)
	}
}

// check adds the rules over several variables to the problems of each.
func (c *Config) check(settings []*setting) Problems {
	also := func(name string, wrong bool, message string) {
		i := slices.IndexFunc(settings, func(s *setting) bool { return s.name == name })
		if wrong && settings[i].problem == "" {
			settings[i].problem = message
		}
	}
	also("API_KEYS", c.Production() && c.APIKeys.Reveal() == "", "want at least one key in production")
	if c.Production() && c.APIKeys.Reveal() != "" {
		lengths := checkKeyLengths(c.APIKeys.Reveal())
		also("API_KEYS", lengths != "", lengths)
	}
	also("FAULT_INJECTION", c.Production() && c.FaultInjection, "is refused in production")
	also("TLS_CERT_FILE", c.TLSCertFile == "" && c.TLSKeyFile != "", "want a certificate, since TLS_KEY_FILE is set")
	also("TLS_KEY_FILE", c.TLSCertFile != "" && c.TLSKeyFile == "", "want a key, since TLS_CERT_FILE is set")
	if c.TLSCertFile != "" && c.TLSKeyFile != "" {
		if _, err := tls.LoadX509KeyPair(c.TLSCertFile, c.TLSKeyFile); err != nil {
			also("TLS_CERT_FILE", true, err.Error())
		}
	}
	// What is allowed in one request must fit, or it would be refused for good.
	also("INGEST_QUEUE", c.IngestQueue < c.MaxPointsPerRequest, "want at least MAX_POINTS_PER_REQUEST")
	also("PING_INTERVAL", c.PingInterval >= c.WorkerStallAfter, "want less than WORKER_STALL_AFTER: a poll waits for so long")
	also("WS_QUEUE_BYTES", c.WSQueueBytes < 64<<10, "want at least 64Ki")
	also("INGEST_MEMORY", c.IngestMemory < c.MaxBodyBytes, "want at least MAX_BODY_BYTES")

	var problems Problems
	for _, s := range settings {
		if s.problem == "" {
			continue
		}
		if s.path != "" {
			s.problem += fmt.Sprintf(" (from %s%s=%s)", s.name, fileSuffix, s.path)
		}
		problems = append(problems, Problem{Variable: s.name, Value: showText(s.value, s.text), Message: s.problem})
	}
	return problems
}

// misspelt warns of variables whose names come close to one of ours.
func misspelt(environ []string, settings []*setting) []Warning {
	var known []string
	for _, s := range settings {
		known = append(known, s.name, s.name+fileSuffix)
	}
	var warnings []Warning
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if slices.Contains(known, name) {
			continue
		}
		if meant := Suggest(strings.ToUpper(name), known); meant != "" {
			warnings = append(warnings, Warning{name, "is not a variable of this program; was " + meant + " meant?"})
		}
	}
	return warnings
}
