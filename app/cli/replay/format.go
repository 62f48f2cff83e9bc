package replay

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// formatRate formats points per second, with a decimal below 10.
func formatRate(rate float64) string {
	if rate < 10 {
		return strconv.FormatFloat(rate, 'f', 1, 64) + "/s"
	}
	return formatInt(int64(rate)) + "/s"
}

// formatDuration formats d in its two largest units.
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

// formatMillis formats milliseconds with about three significant digits.
func formatMillis(ms float64) string {
	switch {
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 2, 64)
	case ms < 100:
		return strconv.FormatFloat(ms, 'f', 1, 64)
	}
	return strconv.FormatFloat(ms, 'f', 0, 64)
}

// formatInt formats n with a space between groups of three digits.
func formatInt(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + " " + digits[i:]
	}
	return digits
}

// count formats n and a noun whose plural ends in s.
func count(n int64, singular string) string { return plural(n, singular, singular+"s") }

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return formatInt(n) + " " + many
}

// printable makes text from a server safe for a terminal: it replaces control
// characters and shortens the text to one line's length.
func printable(text string) string {
	const limit = 200
	runes := []rune(strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, text))
	if len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return string(runes)
}

// quoteShort quotes text for a message and shortens it.
func quoteShort(text string) string {
	const limit = 40
	if utf8.RuneCountInString(text) > limit {
		text = string([]rune(text)[:limit]) + "…"
	}
	return strconv.Quote(text)
}

// quoteList quotes the first headers of a list for a message.
func quoteList(headers []string) string {
	const limit = 12
	var quoted []string
	for _, header := range headers[:min(limit, len(headers))] {
		quoted = append(quoted, quoteShort(header))
	}
	if len(headers) > limit {
		quoted = append(quoted, "…")
	}
	return strings.Join(quoted, ", ")
}
