package alarm_test

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"strconv"
	"testing"
	"time"

	"smart-factory-backend/app/factory/alarm"
)

const machine = "press"

// start is the time of the first second of a test.
const start = int64(1_700_000_000_000)

// vectorRule is a rule that is violated by values above 0.
func vectorRule(t testing.TB, onDelay, offDelay int, ackRequired, latching bool) alarm.Rule {
	t.Helper()
	document, err := json.Marshal(map[string]any{
		"machine": machine, "metric": "m", "when": map[string]any{"op": ">", "limit": 0},
		"on_delay": strconv.Itoa(onDelay) + "s", "off_delay": strconv.Itoa(offDelay) + "s",
		"ack_required": ackRequired, "latching": latching,
	})
	if err != nil {
		t.Fatal(err)
	}
	rule, err := alarm.ParseRule("rule", document)
	if err != nil {
		t.Fatal(err)
	}
	return rule
}

// letter is the character of a phase in a vector.
func letter(p alarm.Phase) byte {
	switch p {
	case alarm.ActiveUnacked:
		return 'U'
	case alarm.ActiveAcked:
		return 'A'
	case alarm.ReturnedUnacked:
		return 'R'
	case alarm.Latched:
		return 'L'
	}
	return 'N'
}

func TestVectors(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/alarm-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Name string
			Rule struct {
				OnDelay     int   `json:"on_delay_s"`
				OffDelay    int   `json:"off_delay_s"`
				AckRequired *bool `json:"ack_required"`
				Latching    bool
			}
			Condition, Ack, Reset, State string
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range file.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			rule := vectorRule(t, v.Rule.OnDelay, v.Rule.OffDelay, v.Rule.AckRequired == nil || *v.Rule.AckRequired, v.Rule.Latching)
			var s alarm.State
			var got []byte
			for i := range v.Condition {
				at := start + int64(i)*1000
				press := func(keys string, kind alarm.ActionKind) {
					if i < len(keys) && keys[i] == '#' && s.Current.ID != "" {
						_, _ = rule.Act(&s, alarm.Action{Kind: kind, Alarm: s.Current.ID, At: at})
					}
				}
				press(v.Reset, alarm.ResetIt)
				press(v.Ack, alarm.Ack)
				value := 0.0
				if v.Condition[i] == '#' {
					value = 1
				}
				rule.Read(&s, machine, at, value)
				got = append(got, letter(s.Current.Phase))
			}
			if string(got) != v.State {
				t.Errorf("states are\n%s, want\n%s", got, v.State)
			}
		})
	}
}

// A recording of a real machine raises as many alarms as a plain loop counts.
func TestRecordingRaisesWhatAPlainLoopCounts(t *testing.T) {
	t.Parallel()
	points := recording(t)
	for name, tt := range map[string]struct {
		when        string
		begins, end func(v float64) bool
	}{
		"above":                 {`{"op":">","limit":85}`, func(v float64) bool { return v > 85 }, func(v float64) bool { return v <= 85 }},
		"above with a deadband": {`{"op":">","limit":85,"deadband":3}`, func(v float64) bool { return v > 85 }, func(v float64) bool { return v <= 82 }},
		"below":                 {`{"op":"<","limit":82}`, func(v float64) bool { return v < 82 }, func(v float64) bool { return v >= 82 }},
		"below with a deadband": {`{"op":"<","limit":82,"deadband":5}`, func(v float64) bool { return v < 82 }, func(v float64) bool { return v >= 87 }},
		"outside":               {`{"op":"outside","low":80,"high":90,"deadband":1}`, func(v float64) bool { return v < 80 || v > 90 }, func(v float64) bool { return v >= 81 && v <= 89 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rule, err := alarm.ParseRule("r", []byte(`{"machine":"m","metric":"temperature","when":`+tt.when+`,"ack_required":false}`))
			if err != nil {
				t.Fatal(err)
			}
			for _, order := range []struct {
				name   string
				points []point
			}{{"in order", points}, {"every tenth late", tenthLate(points)}} {
				want, active, newest := 0, false, int64(0)
				var s alarm.State
				got := 0
				for _, p := range order.points {
					if p.at > newest {
						newest = p.at
						switch {
						case !active && tt.begins(p.value):
							active = true
							want++
						case active && tt.end(p.value):
							active = false
						}
					}
					for _, transition := range rule.Read(&s, "m", p.at, p.value) {
						if transition.Change == alarm.Raised {
							got++
						}
					}
				}
				if got != want || got == 0 {
					t.Errorf("%s: %d alarms, want %d", order.name, got, want)
				}
			}
		})
	}
}

type point struct {
	at    int64
	value float64
}

// recording returns part of the machine temperature of the Numenta Anomaly Benchmark.
func recording(t *testing.T) []point {
	t.Helper()
	file, err := os.Open("../../store/storetest/testdata/nab_machine_temperature_extract.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var points []point
	for _, row := range rows[1:] {
		at, err := time.Parse(time.DateTime, row[0])
		if err != nil {
			t.Fatal(err)
		}
		value, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		points = append(points, point{at.UnixMilli(), value})
	}
	return points
}

// tenthLate moves every tenth point behind its successor.
func tenthLate(points []point) []point {
	late := append([]point(nil), points...)
	for i := 9; i+1 < len(late); i += 10 {
		late[i], late[i+1] = late[i+1], late[i]
	}
	return late
}
