package replay

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Summary is what became of a replay. Its JSON form is meant for programs and
// only grows.
type Summary struct {
	Files []*FileSummary `json:"files"`
	// Rows counts those acknowledged in this replay; Sent the points in them,
	// each either Accepted or Rejected. Missing counts the values that the
	// recordings lack.
	Rows     int64 `json:"rows"`
	Sent     int64 `json:"sent"`
	Accepted int64 `json:"accepted"`
	Rejected int64 `json:"rejected"`
	Missing  int64 `json:"missing"`
	// Requests counts every attempt; Retries those that repeated one; Failures
	// the failed ones by HTTP status, or "connection".
	Requests int64            `json:"requests"`
	Retries  int64            `json:"retries"`
	Failures map[string]int64 `json:"failures"`
	// Rejections are the first reasons for which points were rejected.
	Rejections []string `json:"rejections"`

	Seconds         float64 `json:"seconds"`
	PointsPerSecond float64 `json:"points_per_second"`
	// Latency is that of the attempts that got an answer.
	Latency Latency `json:"latency_ms"`
	// Interrupted says that the replay was told to stop.
	Interrupted bool `json:"interrupted"`

	began time.Time
}

// FileSummary is what became of one recording.
type FileSummary struct {
	File    string   `json:"file"`
	Machine string   `json:"machine"`
	Metrics []string `json:"metrics"`
	// Rows are acknowledged, from the beginning of the file on: so many may be
	// skipped to go on. Skipped of them were not sent by this replay.
	Rows     int64 `json:"rows"`
	Skipped  int64 `json:"skipped"`
	Accepted int64 `json:"accepted"`
	Rejected int64 `json:"rejected"`
	// Complete says that every row is acknowledged. Where it is not, Error
	// says why; it is empty if the replay was stopped.
	Complete bool   `json:"complete"`
	Error    string `json:"error,omitempty"`

	// bytes is where the acknowledged rows end.
	bytes int64
}

// Latency is a distribution of request times in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// OK reports whether every point of every recording was accepted.
func (s Summary) OK() bool { return s.Rejected == 0 && s.complete() }

func (s Summary) complete() bool {
	return !slices.ContainsFunc(s.Files, func(f *FileSummary) bool { return !f.Complete })
}

// fill takes the counts over when the replay has ended.
func (s *Summary) addCounters(t *counters) {
	s.Accepted, s.Rejected, s.Missing = t.accepted.Load(), t.rejected.Load(), t.missing.Load()
	s.Sent, s.Rows = s.Accepted+s.Rejected, t.rows.Load()
	s.Requests, s.Retries = t.requests.Load(), t.retries.Load()
	s.Failures, s.Rejections = t.errors()
	s.Seconds = time.Since(s.began).Seconds()
	if s.Seconds > 0 {
		s.PointsPerSecond = float64(s.Sent) / s.Seconds
	}
	s.Latency = Latency{
		P50: milliseconds(t.latency.quantile(0.5)),
		P90: milliseconds(t.latency.quantile(0.9)),
		P99: milliseconds(t.latency.quantile(0.99)),
		Max: milliseconds(t.latency.quantile(1)),
	}
}

// WriteText writes the summary for people. The state file, if there is one,
// is named as the way to go on.
func (s Summary) WriteText(w io.Writer, state string) error {
	var b strings.Builder
	verb := "replayed"
	if s.Interrupted {
		verb = "interrupted after"
	}
	fmt.Fprintf(&b, "%s %s, %s in %s (%s points/s)\n", verb, count(int64(len(s.Files)), "file"),
		count(s.Sent, "point"), formatDuration(time.Duration(s.Seconds*float64(time.Second))), formatInt(int64(s.PointsPerSecond)))
	fmt.Fprintf(&b, "accepted %s, rejected %s", formatInt(s.Accepted), formatInt(s.Rejected))
	if s.Missing > 0 {
		fmt.Fprintf(&b, ", missing in the recording %s", formatInt(s.Missing))
	}
	b.WriteByte('\n')
	fmt.Fprintf(&b, "%s, %s%s; latency p50 %s, p90 %s, p99 %s, max %s ms\n",
		count(s.Requests, "request"), plural(s.Retries, "retry", "retries"), s.failureText(),
		formatMillis(s.Latency.P50), formatMillis(s.Latency.P90), formatMillis(s.Latency.P99), formatMillis(s.Latency.Max))
	for _, text := range s.Rejections {
		fmt.Fprintf(&b, "rejected: %s\n", text)
	}
	if more := s.Rejected - int64(len(s.Rejections)); len(s.Rejections) > 0 && more > 0 {
		fmt.Fprintf(&b, "rejected: and %s more\n", formatInt(more))
	}
	for _, f := range s.Files {
		f.write(&b, state)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// write tells what is left of a file, and how to go on with it.
func (f *FileSummary) write(b *strings.Builder, state string) {
	if f.Skipped > 0 {
		fmt.Fprintf(b, "%s: %s had been acknowledged before\n", f.File, count(f.Skipped, "row"))
	}
	if f.Complete {
		return
	}
	reason := cmp.Or(f.Error, "stopped")
	fmt.Fprintf(b, "%s: %s acknowledged; %s\n", f.File, count(f.Rows, "row"), reason)
	switch {
	case state != "":
		fmt.Fprintf(b, "  to go on: the same command (--state %s)\n", state)
	case f.Rows > 0:
		fmt.Fprintf(b, "  to go on: --skip-rows %d %s\n", f.Rows, f.File)
	}
}

func (s Summary) failureText() string {
	if len(s.Failures) == 0 {
		return ""
	}
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(s.Failures)) {
		kinds = append(kinds, kind+" × "+formatInt(s.Failures[kind]))
	}
	return " (failed: " + strings.Join(kinds, ", ") + ")"
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// short shows a figure with three digits or so.
func formatMillis(v float64) string {
	switch {
	case v < 10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}
