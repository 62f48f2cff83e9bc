package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"smart-factory-backend/app/control"
)

// palette colours words, if it is on.
type palette struct{ on bool }

func (p palette) colour(code, text string) string {
	if !p.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p palette) good(text string) string { return p.colour("32", text) }
func (p palette) bad(text string) string  { return p.colour("31", text) }

// state colours the state of a worker or process: green is as it should be,
// yellow will pass, red wants a look.
func (p palette) state(text string) string {
	word, _, _ := strings.Cut(text, ",")
	switch word {
	case "running":
		return p.good(text)
	case "starting", "draining", "recycling", "stopping":
		return p.colour("33", text)
	}
	return p.bad(text)
}

// screen shows one status after the other: in place on a terminal, one below
// the other elsewhere.
type statusDisplay struct {
	out     io.Writer
	size    func() (width, height int, ok bool)
	colours palette
	asJSON  bool
}

func newStatusDisplay(env process, asJSON bool) statusDisplay {
	return statusDisplay{
		out:     env.stdout,
		size:    func() (int, int, bool) { return terminalSize(env.stdout) },
		colours: palette{on: env.colours(env.stdout)},
		asJSON:  asJSON,
	}
}

const (
	hideCursor  = "\x1b[?25l"
	showCursor  = "\x1b[?25h"
	clearScreen = "\x1b[2J"
	cursorHome  = "\x1b[H"
	clearLine   = "\x1b[K" // from the cursor to the end of the line
	clearBelow  = "\x1b[J" // from the cursor to the end of the screen
)

// watchStatus shows the status at once and at each tick, until ctx ends,
// whose cause it then returns. A process that doesn't answer is waited for.
func watchStatus(ctx context.Context, source statusReader, ticks <-chan time.Time, s statusDisplay) (err error) {
	if _, _, terminal := s.size(); terminal && !s.asJSON {
		if _, err := io.WriteString(s.out, hideCursor+clearScreen); err != nil {
			return err
		}
		defer func() { _, _ = io.WriteString(s.out, showCursor) }()
	}
	var before *control.Status
	for {
		now, err := source.Status(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			err = s.render(now, before)
			before = &now
		} else {
			err = s.renderError(err)
			before = nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticks:
		}
	}
}

func (s statusDisplay) render(now control.Status, before *control.Status) error {
	if s.asJSON {
		return writeJSON(s.out, now)
	}
	return s.writePage(statusPage(now, before, s.colours))
}

// showFailure reports that there is no status at present.
func (s statusDisplay) renderError(failure error) error {
	if s.asJSON {
		return writeJSON(s.out, map[string]string{"error": failure.Error()})
	}
	return s.writePage([]string{s.colours.bad("no status: " + failure.Error())})
}

// draw writes one page in a single write, so that a terminal never shows half
// of it. What doesn't fit on a terminal is cut off, since it would scroll.
func (s statusDisplay) writePage(lines []string) error {
	width, height, terminal := s.size()
	if !terminal {
		_, err := io.WriteString(s.out, joinLines(lines)+"\n")
		return err
	}
	if most := max(height-1, 1); len(lines) > most {
		lines = append(lines[:most-1:most-1], fmt.Sprintf("… %d more lines", len(lines)-most+1))
	}
	var page strings.Builder
	page.WriteString(cursorHome)
	for _, line := range lines {
		page.WriteString(clip(line, width) + clearLine + "\n")
	}
	page.WriteString(clearBelow)
	_, err := io.WriteString(s.out, page.String())
	return err
}

// clip cuts line off after width characters, colours not counted.
func clip(line string, width int) string {
	seen, escape := 0, false
	for i, r := range line {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		case seen == width:
			if strings.Contains(line[:i], "\x1b") {
				return line[:i] + "\x1b[0m"
			}
			return line[:i]
		default:
			seen++
		}
	}
	return line
}

func writeJSON(w io.Writer, value any) error { return json.NewEncoder(w).Encode(value) }
