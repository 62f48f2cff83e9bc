package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// table is the result of one benchmark.
type table struct {
	Title   string   `json:"title"`
	Goal    string   `json:"goal"`
	Columns []column `json:"-"`
	Rows    []*row   `json:"rows"`
}

// column is a figure that write prints.
type column struct {
	key, heading string
	decimals     int
}

// row holds the figures of one server in one mode, over all rounds.
type row struct {
	Mode    string            `json:"mode"`
	Who     string            `json:"who"`
	Figures map[string]rounds `json:"figures"`
	// Errors counts failed requests by kind.
	Errors map[string]int `json:"errors"`
}

// rounds holds one figure per round.
type rounds []float64

// row returns the row of a server in a mode, and adds it if there is none. The
// rows of one mode are consecutive.
func (t *table) row(mode, who string) *row {
	at := len(t.Rows)
	for i, r := range t.Rows {
		if r.Mode == mode {
			if r.Who == who {
				return r
			}
			at = i + 1
		}
	}
	r := &row{Mode: mode, Who: who, Figures: make(map[string]rounds), Errors: make(map[string]int)}
	t.Rows = slices.Insert(t.Rows, at, r)
	return r
}

// add adds the figure of one round.
func (r *row) add(key string, value float64) { r.Figures[key] = append(r.Figures[key], value) }

// addErrors adds failed requests.
func (r *row) addErrors(failures map[string]int) {
	for kind, n := range failures {
		r.Errors[kind] += n
	}
}

// median returns the middle value, or the mean of the two middle values; 0 if s
// is empty.
func (s rounds) median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// MarshalJSON encodes the median, the minimum, the maximum and all rounds.
func (s rounds) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{
		"median": s.median(), "min": slices.Min(s), "max": slices.Max(s), "rounds": []float64(s),
	})
}

// text formats the median and, in parentheses, the minimum and the maximum.
func (s rounds) text(decimals int) string {
	if len(s) == 0 {
		return "-"
	}
	return fmt.Sprintf("%s (%s-%s)", formatNumber(s.median(), decimals), formatNumber(slices.Min(s), decimals), formatNumber(slices.Max(s), decimals))
}

// write prints the table as text.
func (t *table) write(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "\n%s\ncontract: %s\n", t.Title, t.Goal); err != nil {
		return err
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	mode := ""
	heading := []string{"", ""}
	for _, c := range t.Columns {
		heading = append(heading, c.heading)
	}
	_, _ = fmt.Fprintln(out, strings.Join(append(heading, "errors"), "\t"))
	for _, r := range t.Rows {
		cells := []string{r.Mode, r.Who}
		if r.Mode == mode {
			cells[0] = ""
		}
		mode = r.Mode
		for _, c := range t.Columns {
			cells = append(cells, r.Figures[c.key].text(c.decimals))
		}
		_, _ = fmt.Fprintln(out, strings.Join(append(cells, errorText(r.Errors)), "\t"))
	}
	return out.Flush()
}

func errorText(failures map[string]int) string {
	if len(failures) == 0 {
		return "0"
	}
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(failures)) {
		kinds = append(kinds, strconv.Itoa(failures[kind])+" "+kind)
	}
	return strings.Join(kinds, ", ")
}

// formatNumber formats v with a space between groups of three digits.
func formatNumber(v float64, decimals int) string {
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	whole, _, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
