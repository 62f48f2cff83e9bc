package cli

import (
	"io"
	"os"
	"time"

	"smart-factory-backend/app/config"

	"golang.org/x/term"
)

// environment is what a sub-command sees of the world around it.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	// getenv returns a variable that is not part of the configuration.
	getenv func(name string) string
	// load reads the configuration, as config.Load does.
	load func() (config.Config, []config.Warning, error)
	// healthWithin is how long healthcheck waits for an answer.
	healthTimeout time.Duration
}

// ofProcess is the environment of this process.
func newProcess(stdin io.Reader, stdout, stderr io.Writer) process {
	return process{
		stdin: stdin, stdout: stdout, stderr: stderr, getenv: os.Getenv, load: config.Load, healthTimeout: defaultHealthTimeout,
	}
}

// terminalSize returns the size of the terminal that w writes to; ok is false
// if it isn't one.
func terminalSize(w io.Writer) (width, height int, ok bool) {
	file, isFile := w.(*os.File)
	if !isFile {
		return 0, 0, false
	}
	width, height, err := term.GetSize(int(file.Fd()))
	return width, height, err == nil
}

// colours reports whether w is a terminal whose user has nothing against
// colours (https://no-color.org).
func (e process) colours(w io.Writer) bool {
	_, _, ok := terminalSize(w)
	return ok && e.getenv("NO_COLOR") == "" && e.getenv("TERM") != "dumb"
}
