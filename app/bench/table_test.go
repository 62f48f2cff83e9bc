package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func TestTableOutput(t *testing.T) {
	t.Parallel()
	tab := &table{Title: "requests", Goal: "little", Columns: []column{{"cost", "us", 1}, {"rate", "1/s", 0}}}
	for _, cost := range []float64{3, 1, 2} {
		tab.row("fast", "product").add("cost", cost)
		tab.row("slow", "product").add("cost", cost*10)
		tab.row("fast", "reference").add("cost", cost/10)
		tab.row("fast", "product").add("rate", cost*1e6)
	}
	tab.row("slow", "product").addErrors(map[string]int{"status 503": 2, "cut short": 1})
	var out strings.Builder
	if err := tab.write(&out); err != nil {
		t.Fatal(err)
	}
	want := `
requests
contract: little
                 us                1/s                              errors
fast  product    2.0 (1.0-3.0)     2 000 000 (1 000 000-3 000 000)  0
      reference  0.2 (0.1-0.3)     -                                0
slow  product    20.0 (10.0-30.0)  -                                1 cut short, 2 status 503
`
	if out.String() != want {
		t.Errorf("write() =\n%s\nwant\n%s", out.String(), want)
	}
	raw, err := json.Marshal(tab)
	if err != nil || !strings.Contains(string(raw), `"cost":{"max":3,"median":2,"min":1,"rounds":[3,1,2]}`) {
		t.Errorf("Marshal() = %s, %v", raw, err)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	if got := (rounds{4, 1, 3, 2}).median(); got != 2.5 {
		t.Errorf("median() of an even number = %v, want 2.5", got)
	}
	if got := (rounds{}).median(); got != 0 {
		t.Errorf("median() of nothing = %v, want 0", got)
	}
}

func TestProcessCPUTimeIncreases(t *testing.T) {
	t.Parallel()
	before, err := processCPUTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		after, err := processCPUTime(os.Getpid())
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("cpuOf() = %v, %v, after %v; want it to grow", after, err, before)
		}
		if after > before+time.Millisecond {
			return
		}
	}
}

func TestParentPID(t *testing.T) {
	t.Parallel()
	if got, err := parentPID([]byte("12 (a) b) S 3) S 7 12 12")); err != nil || got != 7 {
		t.Errorf("parentOf() = %d, %v, want 7", got, err)
	}
	for _, raw := range []string{"", "12 (a", "12 (a)", "12 (a) S x"} {
		if _, err := parentPID([]byte(raw)); err == nil {
			t.Errorf("parentOf(%q) = nil, want an error", raw)
		}
	}
}

func TestAddRatiosComparesWithinARound(t *testing.T) {
	t.Parallel()
	tab := &table{}
	for round := range 3 {
		tab.row("fast", "product").add("rate", float64(10*(round+1)))
		tab.row("fast", "reference").add("rate", 5)
		tab.row("slow", "product").add("rate", 1)
	}
	addRatios(tab, "reference", "rate", "ratio")
	if got, want := fmt.Sprint(tab.row("fast", "product").Figures["ratio"]), "[2 4 6]"; got != want {
		t.Errorf("ratios are %s, want %s", got, want)
	}
	if got := tab.row("fast", "reference").Figures["ratio"]; fmt.Sprint(got) != "[1 1 1]" {
		t.Errorf("the peer's ratios are %v", got)
	}
	if len(tab.Rows) != 3 || len(tab.row("slow", "product").Figures["ratio"]) != 0 {
		t.Errorf("%d rows; a ratio to a row that is not there", len(tab.Rows))
	}
}
