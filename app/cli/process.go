package cli

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"smart-factory-backend/app/config"
)

// process is what a sub-command uses of the operating system's process.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	// getenv returns a variable that is not part of the configuration.
	getenv func(name string) string
	// environ returns all variables as NAME=value, as os.Environ does.
	environ func() []string
	// load reads the configuration; its error is of type config.Problems.
	load func() (config.Config, error)
	// healthTimeout is how long healthcheck waits for a response.
	healthTimeout time.Duration
}

// newProcess returns the current process with the given streams.
func newProcess(stdin io.Reader, stdout, stderr io.Writer) process {
	return process{
		stdin: stdin, stdout: stdout, stderr: stderr,
		getenv: os.Getenv, environ: os.Environ,
		load:          func() (config.Config, error) { return config.Load(os.LookupEnv) },
		healthTimeout: defaultHealthTimeout,
	}
}

// loadVariables returns the configuration for a sub-command that uses only the
// named variables; problems of others are ignored.
func (p process) loadVariables(names ...string) (config.Config, error) {
	cfg, err := p.load()
	if problems, ok := errors.AsType[config.Problems](err); ok {
		err = problems.About(names...)
	}
	return cfg, err
}

// writeJSON writes value as one line of JSON.
func writeJSON(w io.Writer, value any) error { return json.NewEncoder(w).Encode(value) }
