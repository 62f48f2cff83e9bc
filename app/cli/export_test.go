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

// World is the environment of a sub-command under test.
type Process struct {
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Load           func() (config.Config, []config.Warning, error)
	// HealthWithin is how long healthcheck waits; 0 is as long as anywhere.
	HealthTimeout time.Duration
}

// Run is Main in another World.
func Run(ctx context.Context, args []string, w Process) int {
	return run(ctx, args, process{
		stdout: w.Stdout, stderr: w.Stderr, getenv: w.Getenv, load: w.Load, healthTimeout: cmp.Or(w.HealthTimeout, defaultHealthTimeout),
	})
}

// PatientMain is Main, but that healthcheck waits so long.
func MainWithHealthTimeout(ctx context.Context, healthWithin time.Duration) int {
	env := newProcess(os.Stdin, os.Stdout, os.Stderr)
	env.healthTimeout = healthWithin
	return run(ctx, os.Args[1:], env)
}

// CommandNames returns the names of all sub-commands.
func CommandNames() []string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return names
}

// DescribeBuild returns version, commit and date.
func CompleteBuild(version, commit, date string, info *debug.BuildInfo) [3]string {
	b := completeBuild(build{version: version, commit: commit, date: date}, info)
	return [3]string{b.version, b.commit, b.date}
}

// StatusPage is statusPage.
func StatusPage(now control.Status, before *control.Status, colours bool) []string {
	return statusPage(now, before, palette{on: colours})
}

// Terminal is what Watch believes to write to; one without a width is none.
type Terminal struct{ Width, Height int }

// Watch is watchStatus.
func Watch(ctx context.Context, source statusReader, ticks <-chan time.Time, w io.Writer, t Terminal, asJSON bool) error {
	return watchStatus(ctx, source, ticks, statusDisplay{
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

// QuoteUnit is quoteUnit.
func QuoteUnitWord(word string) string { return quoteUnitWord(word) }
