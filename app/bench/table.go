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

// table is the result of one subject. Its JSON form is meant for programs.
type table struct {
	Title   string   `json:"title"`
	Goal    string   `json:"goal"`
	Columns []column `json:"-"`
	Rows    []*row   `json:"rows"`
}

// column is a figure that is shown.
type column struct {
	key, heading string
	decimals     int
}

// row holds the figures of all rounds of one server in one mode.
type row struct {
	Mode    string            `json:"mode"`
	Who     string            `json:"who"`
	Figures map[string]rounds `json:"figures"`
	// Errors counts the requests that failed, by kind.
	Errors map[string]int `json:"errors"`
}

// spread is a figure as it came out of each round.
type rounds []float64

// row returns the row of a server in a mode, which it makes where there is
// none yet; rows of one mode stand together.
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

// add notes a figure of one round.
func (r *row) add(key string, value float64) { r.Figures[key] = append(r.Figures[key], value) }

// count adds failed requests.
func (r *row) addErrors(faults map[string]int) {
	for kind, n := range faults {
		r.Errors[kind] += n
	}
}

// median returns the middle value, or the mean of the two in the middle.
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

// MarshalJSON writes the median, the least, the most and all rounds.
func (s rounds) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{
		"median": s.median(), "min": slices.Min(s), "max": slices.Max(s), "rounds": []float64(s),
	})
}

// text shows the median and, in parentheses, the least and the most.
func (s rounds) text(decimals int) string {
	if len(s) == 0 {
		return "-"
	}
	return fmt.Sprintf("%s (%s-%s)", formatNumber(s.median(), decimals), formatNumber(slices.Min(s), decimals), formatNumber(slices.Max(s), decimals))
}

// write prints the table for people.
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

func errorText(faults map[string]int) string {
	if len(faults) == 0 {
		return "0"
	}
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(faults)) {
		kinds = append(kinds, strconv.Itoa(faults[kind])+" "+kind)
	}
	return strings.Join(kinds, ", ")
}

// decimal writes v with a space between groups of three digits.
func formatNumber(v float64, decimals int) string {
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	whole, _, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
