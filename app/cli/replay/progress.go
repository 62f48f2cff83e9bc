package replay

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// Progress reports the progress of a replay: one line that is redrawn on a
// terminal, otherwise a new line every few seconds. Only one goroutine writes
// to Out. It has ended, and erased the redrawn line, when Run returns.
type Progress struct {
	Out io.Writer
	// Width returns the current width of the terminal in columns; nil if Out
	// is not a terminal.
	Width func() int
}

const (
	redrawInterval = 200 * time.Millisecond
	lineInterval   = 5 * time.Second
	// longWait is the shortest wait for the next reading that is shown.
	longWait = 5 * time.Second
	// rateSamples is the number of samples over which the rate is averaged.
	rateSamples = 10
)

// NewProgress returns a Progress on w, and detects whether w is a terminal.
func NewProgress(w io.Writer) *Progress {
	p := &Progress{Out: w}
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return p
	}
	p.Width = func() int {
		width, _, err := term.GetSize(int(file.Fd()))
		if err != nil || width <= 0 {
			return 80
		}
		return width
	}
	return p
}

// sample is a snapshot and when it was taken.
type sample struct {
	snapshot
	at time.Time
}

// run reports until stop is closed, and each message of unreachable at once.
func (p *Progress) run(stop <-chan struct{}, unreachable <-chan string, take func() snapshot) {
	interval := lineInterval
	if p.Width != nil {
		interval = redrawInterval
		defer fmt.Fprint(p.Out, "\r\x1b[K")
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	history := []sample{{take(), time.Now()}}
	started := history[0].at
	for {
		select {
		case <-stop:
			return
		case text := <-unreachable:
			if p.Width != nil {
				fmt.Fprint(p.Out, "\r\x1b[K")
			}
			fmt.Fprintf(p.Out, "replay: %s; retrying\n", printable(text))
			continue
		case <-ticker.C:
		}
		now := sample{take(), time.Now()}
		text := now.text(started, history[0])
		if p.Width != nil {
			fmt.Fprintf(p.Out, "\r%s\x1b[K", now.fitWidth(text, p.Width()))
		} else {
			fmt.Fprintf(p.Out, "replay: %s\n", text)
			history = nil
		}
		history = append(history, now)
		history = history[max(0, len(history)-rateSamples):]
	}
}

// text describes s, with the rate since an earlier sample.
func (s sample) text(started time.Time, earlier sample) string {
	rate := 0.0
	if elapsed := s.at.Sub(earlier.at).Seconds(); elapsed > 0 {
		rate = float64(s.points-earlier.points) / elapsed
	}
	parts := []string{fmt.Sprintf("%3.0f%%", s.fraction()*100), count(s.points, "point"), formatRate(rate)}
	if s.rejected > 0 {
		parts = append(parts, formatInt(s.rejected)+" rejected")
	}
	if s.retries > 0 {
		parts = append(parts, plural(s.retries, "retry", "retries"))
	}
	if s.lastFailure != "" {
		return strings.Join(append(parts, "retrying: "+printable(s.lastFailure)), ", ")
	}
	if remaining, known := s.remaining(started); known {
		parts = append(parts, "ETA "+formatDuration(remaining))
	}
	if wait := s.due.Sub(s.at); wait >= longWait {
		parts = append(parts, "next reading in "+formatDuration(wait))
	}
	return strings.Join(parts, ", ")
}

// fraction is the acknowledged part of all bytes, 0 to 1.
func (s sample) fraction() float64 {
	if s.total == 0 {
		return 0
	}
	return min(1, float64(s.bytes)/float64(s.total))
}

// remaining extrapolates the remaining time from the average so far.
func (s sample) remaining(started time.Time) (time.Duration, bool) {
	done := s.bytes - s.skipped
	if done <= 0 || s.total < s.bytes {
		return 0, false
	}
	elapsed := float64(s.at.Sub(started))
	return time.Duration(min(elapsed*float64(s.total-s.bytes)/float64(done), 1e18)), true
}

// fitWidth puts a progress bar before text if there is room, and cuts text that
// is too long for width columns.
func (s sample) fitWidth(text string, width int) string {
	const bar = 20
	if len(text)+bar+3 < width {
		filled := int(s.fraction() * bar)
		text = "[" + strings.Repeat("=", filled) + strings.Repeat(" ", bar-filled) + "] " + text
	}
	if runes := []rune(text); len(runes) >= width {
		return string(runes[:max(0, width-1)])
	}
	return text
}
