package replay

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"
)

// Display shows how a replay goes on: one line that is redrawn on a terminal,
// otherwise a new line every few seconds. Out is written by one goroutine,
// which has ended when Run returns; the redrawn line is gone by then.
type Progress struct {
	Out io.Writer
	// Width returns the columns of the terminal, at this moment; nil means
	// that Out is none.
	Width func() int
}

const (
	redrawInterval = 200 * time.Millisecond
	lineInterval   = 5 * time.Second
	// longWait is a pause that the display explains.
	longWait = 5 * time.Second
	// rateOver is how many moments back the shown rate reaches.
	rateSamples = 10
)

// NewDisplay returns a display on w, with a look at whether w is a terminal.
func NewProgress(w io.Writer) *Progress {
	d := &Progress{Out: w}
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return d
	}
	d.Width = func() int {
		width, _, err := term.GetSize(int(file.Fd()))
		if err != nil || width <= 0 {
			return 80
		}
		return width
	}
	return d
}

// moment is a snapshot and when it was taken.
type sample struct {
	snapshot
	at time.Time
}

// run draws until stop is closed.
func (d *Progress) run(stop <-chan struct{}, look func() snapshot) {
	every := lineInterval
	if d.Width != nil {
		every = redrawInterval
		defer fmt.Fprint(d.Out, "\r\x1b[K")
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	past := []sample{{look(), time.Now()}}
	began := past[0].at
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		now := sample{look(), time.Now()}
		text := now.text(began, past[0])
		if d.Width != nil {
			fmt.Fprintf(d.Out, "\r%s\x1b[K", now.fitWidth(text, d.Width()))
		} else {
			fmt.Fprintf(d.Out, "replay: %s\n", text)
			past = nil
		}
		past = append(past, now)
		past = past[max(0, len(past)-rateSamples):]
	}
}

// text tells the state of things at m, with the rate since past.
func (m sample) text(began time.Time, past sample) string {
	rate := 0.0
	if span := m.at.Sub(past.at).Seconds(); span > 0 {
		rate = float64(m.points-past.points) / span
	}
	parts := []string{fmt.Sprintf("%3.0f%%", m.fraction()*100), count(m.points, "point"), formatRate(rate)}
	if m.rejected > 0 {
		parts = append(parts, formatInt(m.rejected)+" rejected")
	}
	if m.retries > 0 {
		parts = append(parts, plural(m.retries, "retry", "retries"))
	}
	if m.lastFailure != "" {
		return strings.Join(append(parts, "repeating: "+printable(m.lastFailure)), ", ")
	}
	if left, known := m.remaining(began); known {
		parts = append(parts, "ETA "+formatDuration(left))
	}
	if wait := m.due.Sub(m.at); wait >= longWait {
		parts = append(parts, "next reading in "+formatDuration(wait))
	}
	return strings.Join(parts, ", ")
}

func (m sample) fraction() float64 {
	if m.total == 0 {
		return 0
	}
	return min(1, float64(m.bytes)/float64(m.total))
}

// left guesses how long the rest takes from how long it took so far.
func (m sample) remaining(began time.Time) (time.Duration, bool) {
	done := m.bytes - m.skipped
	if done <= 0 || m.total < m.bytes {
		return 0, false
	}
	took := float64(m.at.Sub(began))
	return time.Duration(min(took*float64(m.total-m.bytes)/float64(done), 1e18)), true
}

// fit puts a bar before text where there is room, and cuts what is too long.
func (m sample) fitWidth(text string, width int) string {
	const bar = 20
	if len(text)+bar+3 < width {
		filled := int(m.fraction() * bar)
		text = "[" + strings.Repeat("=", filled) + strings.Repeat(" ", bar-filled) + "] " + text
	}
	if runes := []rune(text); len(runes) >= width {
		return string(runes[:max(0, width-1)])
	}
	return text
}

// perSecond shows a rate, which is low at the pace of a slow recording.
func formatRate(rate float64) string {
	if rate < 10 {
		return strconv.FormatFloat(rate, 'f', 1, 64) + "/s"
	}
	return formatInt(int64(rate)) + "/s"
}

// brieflyFor shows a duration in the two units that matter.
func formatDuration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 0, 64) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// group writes n with a space between groups of three digits.
func formatInt(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + " " + digits[i:]
	}
	return digits
}

func count(n int64, one string) string { return plural(n, one, one+"s") }

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return formatInt(n) + " " + many
}
