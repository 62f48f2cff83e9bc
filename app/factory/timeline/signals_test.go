package timeline_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"
)

func TestParseSignals(t *testing.T) {
	t.Parallel()
	s, err := timeline.ParseSignals([]byte(`{"state":{"metric":"StateCurrent","map":"packml","default":"setup","mode":{"metric":"Mode"},"blocked":{"metric":"B"},"starved":{"metric":"S"}},
		"good":{"metric":"g"},"scrap":{"metric":"x"},"total":{"metric":"t"},"product":{"metric":"recipe"},"offline_after":"5m"}`))
	if err != nil {
		t.Fatal(err)
	}
	if s.State.Metric != "StateCurrent" || s.State.Default != timeline.Setup || s.State.Mode != "Mode" || s.State.Blocked != "B" || s.State.Starved != "S" || !s.State.UsesAlarms ||
		s.Good != "g" || s.Scrap != "x" || s.Total != "t" || s.Product != "recipe" || s.OfflineAfter != 300_000 {
		t.Errorf("signals = %+v, %+v", s, s.State)
	}
	if got, want := s.Metrics(), []string{"B", "Mode", "S", "StateCurrent", "g", "recipe", "t", "x"}; !reflect.DeepEqual(got, want) {
		t.Errorf("Metrics() = %v, want %v", got, want)
	}
	s, err = timeline.ParseSignals([]byte(`{}`))
	if err != nil || s.State != nil || len(s.Metrics()) != 0 {
		t.Errorf("no signals = %+v, %v", s, err)
	}
}

func TestParseSignalsNamesTheMember(t *testing.T) {
	t.Parallel()
	states := "the states are running, idle, setup, blocked, starved, fault, planned_stop and offline"
	for body, want := range map[string]string{
		`[]`:             "the document is not a JSON object: invalid",
		`{"sate":{}}`:    "/sate: is unknown",
		`{"state":{}}`:   "/state/metric: is missing; /state/map: is missing",
		`{"state":"on"}`: "/state: must be an object",
		`{"state":{"metric":"s","map":"packlm"}}`:                                            `/state/map: "packlm" is not a built-in map; they are boolean, mtconnect, packml and weihenstephan`,
		`{"state":{"metric":"s","map":"PackML"}}`:                                            `/state/map: "PackML" is not a built-in map; they are boolean, mtconnect, packml and weihenstephan`,
		`{"state":{"metric":"s","map":{"RUNNING":"run","3":"fault"}}}`:                       `/state/map/RUNNING: "run" is not a state; ` + states,
		`{"state":{"metric":"s","map":{"a":1,"b":null}}}`:                                    "/state/map/a: must be a string; /state/map/b: must not be null",
		`{"state":{"metric":"s","map":{}}}`:                                                  "/state/map: must have at least one value",
		`{"state":{"metric":"s","map":[]}}`:                                                  "/state/map: must be the name of a built-in map or an object of states",
		`{"state":{"metric":"s","map":{"a":"idle","a":"fault"}}}`:                            "/state/map/a: appears more than once",
		`{"state":{"metric":"s","map":{"3":"idle","3.0":"fault"}}}`:                          `/state/map/3.0: is the same number as "3", with another state`,
		`{"state":{"metric":"s","map":{"a":"idle"},"default":"stopped"}}`:                    `/state/default: "stopped" is not a state; ` + states,
		`{"state":{"metric":"s","map":{"a":"idle"},"blocked":{"metric":"b"}}}`:               "/state/blocked: is for the map packml only",
		`{"state":{"metric":"s","map":"packml","mode":{"metric":"m","map":{}},"starved":1}}`: "/state/mode/map: is unknown; /state/starved: must be an object",
		`{"state":{"metric":" s","map":"packml"}}`:                                           `/state/metric: metric name " s" starts or ends with a space`,
		`{"good":{},"scrap":{"metric":""}}`:                                                  "/scrap/metric: metric name is empty",
		`{"good":{},"scrap":{"metric":"x"}}`:                                                 "/good/metric: is missing",
		`{"good":{"metric":"n"},"scrap":{"metric":"n"}}`:                                     "/scrap/metric: is the metric of good already",
		`{"offline_after":"0s"}`:                                                             `/offline_after: "0s" is not a time such as 30s, 5m or 1h, from 1s to 744h`,
		`{"offline_after":"5"}`:                                                              `/offline_after: "5" is not a time such as 30s, 5m or 1h, from 1s to 744h`,
		`{"offline_after":300}`:                                                              "/offline_after: must be a string",
	} {
		_, err := timeline.ParseSignals([]byte(body))
		if err == nil || err.Error() != want || !errors.Is(err, factory.ErrInvalid) {
			t.Errorf("ParseSignals(%s) = %v, want %s", body, err, want)
		}
	}
}

// stateOf returns the state that a value means to a map: a text, or a number.
func stateOf(t *testing.T, stateMap string, value any) timeline.State {
	t.Helper()
	s, err := timeline.ParseSignals([]byte(`{"state":{"metric":"s","default":"offline","map":` + stateMap + `}}`))
	if err != nil {
		t.Fatal(err)
	}
	sample := timeline.Sample{ObservedAt: 1}
	switch value := value.(type) {
	case string:
		sample.IsText, sample.Text = true, value
	case float64:
		sample.Number = value
	}
	records := timeline.Records{Birth: 1, State: timeline.StateReadings{State: []timeline.Sample{sample}}}
	return s.Compute(&records, factory.Span{From: 1, To: 2}, 2).Segments[0].State
}

func TestBuiltInMaps(t *testing.T) {
	t.Parallel()
	packML := map[timeline.State]string{
		timeline.Running: "6 16 Execute COMPLETING", timeline.Fault: "1 8 9 Clearing Aborting Aborted", timeline.Setup: "3 15 Starting Resetting",
		timeline.Idle:    "2 4 5 7 10 11 12 13 14 17 Stopped Idle Suspended Stopping Holding Held Unholding Suspending Unsuspending Complete",
		timeline.Offline: "0 18 -1 6.5 Executing NaN",
	}
	mtConnect := map[timeline.State]string{
		timeline.Running: "ACTIVE active", timeline.Idle: "READY STOPPED PROGRAM_COMPLETED PROGRAM_STOPPED OPTIONAL_STOP",
		timeline.Blocked: "INTERRUPTED FEED_HOLD WAIT", timeline.Offline: "UNAVAILABLE 1",
	}
	weihenstephan := map[timeline.State]string{
		timeline.Idle: "1 4 256 8192 16384 32768", timeline.Setup: "2", timeline.Starved: "8 32 Lack", timeline.Blocked: "16 64 Tailback",
		timeline.Running: "128 Operating", timeline.Fault: "512 1024 2048 4096 Equipment_Failure", timeline.Offline: "0 3",
	}
	boolean := map[timeline.State]string{timeline.Running: "1 2 -1 true TRUE on", timeline.Idle: "0 false off", timeline.Offline: "maybe"}
	own := map[timeline.State]string{timeline.Running: "RUNNING 1 1.0 true", timeline.Fault: "3 3.00", timeline.Offline: "running 4"}
	for name, states := range map[string]map[timeline.State]string{
		`"packml"`: packML, `"mtconnect"`: mtConnect, `"weihenstephan"`: weihenstephan, `"boolean"`: boolean,
		`{"RUNNING":"running","3":"fault","true":"running"}`: own,
	} {
		for want, values := range states {
			for value := range strings.FieldsSeq(values) {
				if got := stateOf(t, name, value); got != want {
					t.Errorf("map %s: %s is %s, want %s", name, value, got, want)
				}
			}
		}
	}
	if got := stateOf(t, `"packml"`, 6.0); got != timeline.Running {
		t.Errorf("PackML 6 is %s, want running", got)
	}
}

func FuzzParseSignals(f *testing.F) {
	f.Add([]byte(`{"state":{"metric":"s","map":{"RUNNING":"running","3":"fault"},"default":"idle"},"good":{"metric":"g"},"offline_after":"5m"}`))
	f.Add([]byte(`{"state":{"metric":"s","map":"packml","blocked":{"metric":"b"}},"total":{"metric":"t"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := timeline.ParseSignals(data)
		if err != nil && !errors.Is(err, factory.ErrInvalid) {
			t.Fatalf("ParseSignals(%q) = %v, want ErrInvalid", data, err)
		}
		for _, name := range s.Metrics() {
			if factory.ValidateName(factory.KindMetric, name) != nil {
				t.Fatalf("ParseSignals(%q) accepts the metric %q", data, name)
			}
		}
	})
}
