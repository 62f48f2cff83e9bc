package replay

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Summary is the result of a replay. Its JSON form is a stable interface: later
// versions only add members.
type Summary struct {
	Files []*FileSummary `json:"files"`
	// Rows counts the rows acknowledged in this replay. Sent counts their points,
	// each of them Accepted or Rejected. Missing counts their missing values.
	Rows     int64 `json:"rows"`
	Sent     int64 `json:"sent"`
	Accepted int64 `json:"accepted"`
	Rejected int64 `json:"rejected"`
	Missing  int64 `json:"missing"`
	// Requests counts all attempts, Retries those after the first of a batch, and
	// Failures the failed ones by HTTP status, or "connection".
	Requests int64            `json:"requests"`
	Retries  int64            `json:"retries"`
	Failures map[string]int64 `json:"failures"`
	// Rejections describes the first rejected points.
	Rejections []string `json:"rejections"`

	Seconds         float64 `json:"seconds"`
	PointsPerSecond float64 `json:"points_per_second"`
	// Latency covers the attempts that got a response.
	Latency Latency `json:"latency_ms"`
	// Interrupted is set if the context ended before the replay was complete.
	Interrupted bool `json:"interrupted"`

	started time.Time
}

// FileSummary is the result for one recording.
type FileSummary struct {
	File    string   `json:"file"`
	Machine string   `json:"machine"`
	Metrics []string `json:"metrics"`
	// Rows is the number of acknowledged rows from the beginning of the file,
	// which a later replay may skip. Skipped is how many of them this replay did
	// not send.
	Rows     int64 `json:"rows"`
	Skipped  int64 `json:"skipped"`
	Accepted int64 `json:"accepted"`
	Rejected int64 `json:"rejected"`
	// Complete is set if every row is acknowledged. Otherwise Error says why
	// not; it is empty if the replay was interrupted.
	Complete bool   `json:"complete"`
	Error    string `json:"error,omitempty"`

	// bytes is the offset at which the acknowledged rows end.
	bytes int64
}

// Latency holds percentiles of the request latency in milliseconds.
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

// addCounters sets the totals when the replay has ended.
func (s *Summary) addCounters(c *counters) {
	s.Accepted, s.Rejected, s.Missing = c.accepted.Load(), c.rejected.Load(), c.missing.Load()
	s.Sent, s.Rows = s.Accepted+s.Rejected, c.rows.Load()
	s.Requests, s.Retries = c.requests.Load(), c.retries.Load()
	s.Failures, s.Rejections = c.errors()
	s.Seconds = time.Since(s.started).Seconds()
	if s.Seconds > 0 {
		s.PointsPerSecond = float64(s.Sent) / s.Seconds
	}
	s.Latency = c.latencies()
}

// WriteText writes the summary as text. For incomplete files it shows the flags
// that resume the replay: --state if state, the path of the state file, is not
// empty, otherwise --skip-rows.
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
		fmt.Fprintf(&b, ", missing values %s", formatInt(s.Missing))
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

// write writes what is left of a file, and how to resume.
func (f *FileSummary) write(b *strings.Builder, state string) {
	if f.Skipped > 0 {
		fmt.Fprintf(b, "%s: %s were acknowledged before\n", f.File, count(f.Skipped, "row"))
	}
	if f.Complete {
		return
	}
	reason := cmp.Or(f.Error, "interrupted")
	fmt.Fprintf(b, "%s: %s acknowledged; %s\n", f.File, count(f.Rows, "row"), reason)
	switch {
	case state != "":
		fmt.Fprintf(b, "  to resume: repeat the command (--state %s)\n", state)
	case f.Rows > 0:
		fmt.Fprintf(b, "  to resume: --skip-rows %d %s\n", f.Rows, f.File)
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
