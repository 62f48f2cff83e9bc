package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"smart-factory-backend/app/control"
)

// statusDisplay writes successive statuses: in place on a terminal, otherwise
// one below the other.
type statusDisplay struct {
	out     io.Writer
	size    func() (width, height int, ok bool)
	colours palette
	asJSON  bool
}

func newStatusDisplay(p process, asJSON bool) statusDisplay {
	return statusDisplay{
		out:     p.stdout,
		size:    func() (int, int, bool) { return terminalSize(p.stdout) },
		colours: newPalette(p),
		asJSON:  asJSON,
	}
}

// watchStatus displays the status at once and at every tick. It returns the
// cause of the end of ctx, or an error of the output. While the server can't
// be reached it displays why, and retries at the next tick.
func watchStatus(ctx context.Context, reader statusReader, ticks <-chan time.Time, d statusDisplay) error {
	if _, _, terminal := d.size(); terminal && !d.asJSON {
		if _, err := io.WriteString(d.out, hideCursor+clearScreen); err != nil {
			return err
		}
		defer func() { _, _ = io.WriteString(d.out, showCursor) }()
	}
	var before *control.Status
	for {
		now, err := reader.Status(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			err = d.render(now, before)
			before = &now
		} else {
			err = d.renderError(err)
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

func (d statusDisplay) render(now control.Status, before *control.Status) error {
	if d.asJSON {
		return writeJSON(d.out, now)
	}
	return d.writePage(statusPage(now, before, d.colours))
}

// renderError displays that no status is available.
func (d statusDisplay) renderError(failure error) error {
	if d.asJSON {
		return writeJSON(d.out, map[string]string{"error": failure.Error()})
	}
	return d.writePage([]string{d.colours.bad("no status: " + failure.Error())})
}

// writePage writes one page with a single Write, so that a terminal never shows
// part of it. It clips the page to the terminal, which would scroll otherwise.
func (d statusDisplay) writePage(lines []string) error {
	width, height, terminal := d.size()
	if !terminal {
		_, err := io.WriteString(d.out, joinLines(lines)+"\n")
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
	_, err := io.WriteString(d.out, page.String())
	return err
}
