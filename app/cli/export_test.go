package cli

import (
	"cmp"
	"context"
	"io"
	"os"
	"runtime/debug"
	"time"

	"smart-factory-backend/app/config"
	"smart-factory-backend/app/control"
)

// Process is the process of a sub-command under test.
type Process struct {
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Environ        []string
	Load           func() (config.Config, error)
	// HealthTimeout is how long healthcheck waits; 0 is the default.
	HealthTimeout time.Duration
}

// Run is Main with a Process of the test.
func Run(ctx context.Context, args []string, p Process) int {
	return run(ctx, args, process{
		stdout: p.Stdout, stderr: p.Stderr, getenv: p.Getenv, environ: func() []string { return p.Environ },
		load: p.Load, healthTimeout: cmp.Or(p.HealthTimeout, defaultHealthTimeout),
	})
}

// MainWithHealthTimeout is Main for the current process, except for how long
// healthcheck waits.
func MainWithHealthTimeout(ctx context.Context, timeout time.Duration) int {
	p := newProcess(os.Stdin, os.Stdout, os.Stderr)
	p.healthTimeout = timeout
	return run(ctx, os.Args[1:], p)
}

// CommandNames returns the names of all sub-commands.
func CommandNames() []string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return names
}

// CompleteBuild returns version, commit and date.
func CompleteBuild(version, commit, date string, info *debug.BuildInfo) [3]string {
	b := completeBuild(build{version: version, commit: commit, date: date}, info)
	return [3]string{b.version, b.commit, b.date}
}

// StatusPage is statusPage.
func StatusPage(now control.Status, before *control.Status, colours bool) []string {
	return statusPage(now, before, palette{on: colours})
}

// Terminal is the size of the terminal that Watch writes to; the zero value is
// no terminal.
type Terminal struct{ Width, Height int }

// Watch is watchStatus.
func Watch(ctx context.Context, reader statusReader, ticks <-chan time.Time, w io.Writer, t Terminal, asJSON bool) error {
	return watchStatus(ctx, reader, ticks, statusDisplay{
		out: w, asJSON: asJSON,
		size: func() (int, int, bool) { return t.Width, t.Height, t.Width > 0 },
	})
}

// Clip is clip.
func Clip(line string, width int) string { return clip(line, width) }

// Unit returns the service unit for cfg and an executable.
func Unit(cfg config.Config, executable string) (stopSeconds int, lowPort bool, listen string, environment []string) {
	u := newUnit(cfg, executable)
	return u.StopSeconds, u.PrivilegedPort, u.Listen, u.Environment
}

// QuoteUnitWord is quoteUnitWord.
func QuoteUnitWord(word string) string { return quoteUnitWord(word) }
