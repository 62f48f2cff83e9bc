package api_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// recording is what a labelling machine has sent. The files in testdata/print-apply are
// from github.com/Ladder99/ladder99; see the licence there.
type recording struct {
	status []struct {
		TS    int64 `json:"_ts"`
		State int
		Step  string
	}
	labels []struct {
		TS    int64 `json:"_ts"`
		Value float64
		Keys  []string
	}
}

func readRecording(t *testing.T, file string) (r recording) {
	t.Helper()
	f, err := os.Open("testdata/print-apply/" + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		topic, message := row[0], []byte(row[1])
		switch {
		case strings.HasSuffix(topic, "/evt/status"):
			status := r.status[:0:0]
			if err := json.Unmarshal([]byte("["+string(message)+"]"), &status); err != nil {
				t.Fatal(err)
			}
			r.status = append(r.status, status...)
		case strings.HasSuffix(topic, "/evt/read"):
			values := r.labels[:0:0]
			if err := json.Unmarshal(message, &values); err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				if v.Keys[0] == "metric.labels_applied" {
					r.labels = append(r.labels, v)
				}
			}
		}
	}
	return r
}

// The states and the labels of a real machine, told by events and by signals.
func TestRecordingOfALabellingMachine(t *testing.T) {
	t.Parallel()
	stateMap := map[int]string{50: "setup", 100: "idle", 200: "fault", 300: "starved", 400: "running"}
	for file, want := range map[string]struct{ messages, labels int }{"run3.csv": {52, 1}, "run4.csv": {57, 7}} {
		p := startServer(t, nil)
		r := readRecording(t, file)
		if len(r.status) != want.messages {
			t.Fatalf("%s has %d status messages, want %d", file, len(r.status), want.messages)
		}
		signals := `{"signals":{"state":{"metric":"state","map":{"50":"setup","100":"idle","200":"fault","300":"starved","400":"running"}},"good":{"metric":"labels"}}}`
		if a := p.do(t, "PUT", "/api/v1/machines/m", signals); a.status != 201 {
			t.Fatal(a.body)
		}
		var events, readings, expected []string
		for i, s := range r.status {
			events = append(events, fmt.Sprintf(`{"ts":%d,"kind":"state","state":%q}`, s.TS, stateMap[s.State]))
			readings = append(readings, fmt.Sprintf(`{"machine":"m","ts":%d,"values":{"state":%d}}`, s.TS, s.State))
			last := i+1 == len(r.status) || r.status[i+1].TS != s.TS // of those at one time the last one counts
			if text := stateMap[s.State]; last && (len(expected) == 0 || !strings.HasSuffix(expected[len(expected)-1], " "+text)) {
				expected = append(expected, fmt.Sprint(s.TS, " ", text))
			}
		}
		for _, l := range r.labels {
			readings = append(readings, fmt.Sprintf(`{"machine":"m","ts":%d,"values":{"labels":%v}}`, l.TS, l.Value))
		}
		if a := p.post(t, "["+strings.Join(readings, ",")+"]"); a.status != 200 {
			t.Fatal(a.body)
		}
		if a := p.do(t, "POST", "/api/v1/machines/told/events", "["+strings.Join(events, ",")+"]"); a.status != 200 {
			t.Fatal(a.body)
		}
		for _, machine := range []string{"m", "told"} {
			a := p.get(t, "/api/v1/machines/"+machine+"/timeline?from=1616700000000&to=1616710000000")
			var page timelinePage
			if err := json.Unmarshal([]byte(a.body), &page); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range page.Segments {
				got = append(got, fmt.Sprint(s.From, " ", s.State))
			}
			if fmt.Sprint(got) != fmt.Sprint(expected) {
				t.Errorf("%s, machine %s: states\n%v\nwant\n%v", file, machine, got, expected)
			}
			labels := 0.0
			for _, c := range page.Counts {
				labels += c.Good
			}
			if machine == "m" && labels != float64(want.labels) {
				t.Errorf("%s: %v labels, want %d", file, labels, want.labels)
			}
		}
	}
}
