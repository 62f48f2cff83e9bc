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
type Display struct {
	Out io.Writer
	// Width returns the columns of the terminal, at this moment; nil means
	// that Out is none.
	Width func() int
}

const (
	redrawEvery = 200 * time.Millisecond
	lineEvery   = 5 * time.Second
	// longWait is a pause that the display explains.
	longWait = 5 * time.Second
	// rateOver is how many moments back the shown rate reaches.
	rateOver = 10
)

// NewDisplay returns a display on w, with a look at whether w is a terminal.
func NewDisplay(w io.Writer) *Display {
	d := &Display{Out: w}
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
type moment struct {
	snapshot
	at time.Time
}

// run draws until stop is closed.
func (d *Display) run(stop <-chan struct{}, look func() snapshot) {
	every := lineEvery
	if d.Width != nil {
		every = redrawEvery
		defer fmt.Fprint(d.Out, "\r\x1b[K")
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	past := []moment{{look(), time.Now()}}
	began := past[0].at
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		now := moment{look(), time.Now()}
		text := now.text(began, past[0])
		if d.Width != nil {
			fmt.Fprintf(d.Out, "\r%s\x1b[K", now.fit(text, d.Width()))
		} else {
			fmt.Fprintf(d.Out, "replay: %s\n", text)
			past = nil
		}
		past = append(past, now)
		past = past[max(0, len(past)-rateOver):]
	}
}

// text tells the state of things at m, with the rate since past.
func (m moment) text(began time.Time, past moment) string {
	rate := 0.0
	if span := m.at.Sub(past.at).Seconds(); span > 0 {
		rate = float64(m.points-past.points) / span
	}
	parts := []string{fmt.Sprintf("%3.0f%%", m.share()*100), count(m.points, "point"), perSecond(rate)}
	if m.rejected > 0 {
		parts = append(parts, group(m.rejected)+" rejected")
	}
	if m.retries > 0 {
		parts = append(parts, plural(m.retries, "retry", "retries"))
	}
	if m.trouble != "" {
		return strings.Join(append(parts, "repeating: "+clip(m.trouble)), ", ")
	}
	if left, known := m.left(began); known {
		parts = append(parts, "ETA "+brieflyFor(left))
	}
	if wait := m.due.Sub(m.at); wait >= longWait {
		parts = append(parts, "next reading in "+brieflyFor(wait))
	}
	return strings.Join(parts, ", ")
}

func (m moment) share() float64 {
	if m.total == 0 {
		return 0
	}
	return min(1, float64(m.bytes)/float64(m.total))
}

// left guesses how long the rest takes from how long it took so far.
func (m moment) left(began time.Time) (time.Duration, bool) {
	done := m.bytes - m.skipped
	if done <= 0 || m.total < m.bytes {
		return 0, false
	}
	took := float64(m.at.Sub(began))
	return time.Duration(min(took*float64(m.total-m.bytes)/float64(done), 1e18)), true
}

// fit puts a bar before text where there is room, and cuts what is too long.
func (m moment) fit(text string, width int) string {
	const bar = 20
	if len(text)+bar+3 < width {
		filled := int(m.share() * bar)
		text = "[" + strings.Repeat("=", filled) + strings.Repeat(" ", bar-filled) + "] " + text
	}
	if runes := []rune(text); len(runes) >= width {
		return string(runes[:max(0, width-1)])
	}
	return text
}

// perSecond shows a rate, which is low at the pace of a slow recording.
func perSecond(rate float64) string {
	if rate < 10 {
		return strconv.FormatFloat(rate, 'f', 1, 64) + "/s"
	}
	return group(int64(rate)) + "/s"
}

// brieflyFor shows a duration in the two units that matter.
func brieflyFor(d time.Duration) string {
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
func group(n int64) string {
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
	return group(n) + " " + many
}
