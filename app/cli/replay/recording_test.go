package replay_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/cli/replay"
)

// readAll returns all rows of text, each as "line ts values".
func readAll(text string, c replay.Columns) (metrics, rows []string, err error) {
	rec, err := replay.NewRecording(strings.NewReader(text), "f.csv", c)
	if err != nil {
		return nil, nil, err
	}
	for {
		row, err := rec.Next()
		if errors.Is(err, io.EOF) {
			return rec.Metrics(), rows, nil
		}
		if err != nil {
			return rec.Metrics(), rows, err
		}
		texts := ""
		if strings.Join(row.Texts, "") != "" {
			texts = fmt.Sprintf(" %q", row.Texts)
		}
		rows = append(rows, fmt.Sprint(row.Line, " ", row.ObservedAt, " ", row.Values, texts))
	}
}

const skabHeader = "datetime;Accelerometer1RMS;Accelerometer2RMS;Current;Pressure;Temperature;Thermocouple;Voltage;Volume Flow RateRMS;anomaly;changepoint"

func TestRecordingFormats(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text    string
		columns replay.Columns
		metrics string
		rows    []string
	}{
		"one value, comma, times in UTC": {
			text:    "timestamp,value\n2013-12-02 21:15:00,73.96732207\n2013-12-02 21:20:00,74.93588199999998\n",
			metrics: "value", rows: []string{"2 1386018900000 [73.96732207]", "3 1386019200000 [74.93588199999998]"},
		},
		"the metric of one value can be named": {
			text: "timestamp,value\n2013-12-02 21:15:00,1\n", columns: replay.Columns{Metric: "temperature"},
			metrics: "temperature", rows: []string{"2 1386018900000 [1]"},
		},
		"a column per sensor, semicolon, CRLF, labels left out": {
			text:    skabHeader + "\r\n2020-02-08 18:34:51;0.1;0.2;3;4;5;6;7;8;0.0;1.0\r\n",
			metrics: "vibration_1_rms vibration_2_rms current pressure temperature coolant_temperature voltage flow_rate",
			rows:    []string{"2 1581186891000 [0.1 0.2 3 4 5 6 7 8]"},
		},
		"labels on demand and a column renamed": {
			text:    skabHeader + "\n2020-02-08 18:34:51;0.1;0.2;3;4;5;6;7;8;0.0;1.0\n",
			columns: replay.Columns{Labels: true, Rename: map[string]string{"Current": "motor_current"}},
			metrics: "vibration_1_rms vibration_2_rms motor_current pressure temperature coolant_temperature voltage flow_rate anomaly changepoint",
			rows:    []string{"2 1581186891000 [0.1 0.2 3 4 5 6 7 8 0 1]"},
		},
		"headers of others become snake_case": {
			text: "t\tFlow Rate [l/min]\tPM2.5\n2026-01-01T00:00:00+01:00\t1\t2\n", metrics: "flow_rate_l_min pm_2_5",
			rows: []string{"2 1767222000000 [1 2]"},
		},
		"no header, one value": {
			text: "1767225600000,1.5\n1767225601000,-2e-3\n", metrics: "value",
			rows: []string{"1 1767225600000 [1.5]", "2 1767225601000 [-0.002]"},
		},
		"no header, several values": {
			text: "1767225600000;1;2", metrics: "column_2 column_3", rows: []string{"1 1767225600000 [1 2]"},
		},
		"missing values": {
			text: "t,a,b\n1767225600000,,2\n1767225600001,NaN,3\n", metrics: "a b",
			rows: []string{"2 1767225600000 [NaN 2]", "3 1767225600001 [NaN 3]"},
		},
		"byte order mark, quotes, blank lines, spaces": {
			text:    "\ufeff\"time\",\"a, \"\"b\"\"\"\n\n \n\"2026-01-01 00:00:00.25\", 7 \n",
			metrics: "a_b", rows: []string{"4 1767225600250 [7]"},
		},
		"a column of texts": {
			text: "t,a,state,step\n1767225600000,1,,RUN 1\n1767225600001,2,\"a, \"\"b\"\"\",7\n1767225600002,3,NaN,\n", metrics: "a state step",
			rows: []string{`2 1767225600000 [1 NaN NaN] ["" "" "RUN 1"]`, `3 1767225600001 [2 NaN NaN] ["" "a, \"b\"" "7"]`, `4 1767225600002 [3 NaN NaN] ["" "NaN" ""]`},
		},
		"a header without rows": {text: "timestamp,value", metrics: "value"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			metrics, rows, err := readAll(tt.text, tt.columns)
			if err != nil || strings.Join(metrics, " ") != tt.metrics || !slices.Equal(rows, tt.rows) {
				t.Errorf("read = %q, %q, %v; want %q, %q", metrics, rows, err, tt.metrics, tt.rows)
			}
		})
	}
}

func TestRecordingErrorsNameLineAndColumn(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text    string
		columns replay.Columns
		want    string
	}{
		"empty":                {"", replay.Columns{}, "f.csv: the file is empty"},
		"one column":           {"hello\n", replay.Columns{}, "f.csv:1: only one column"},
		"only labels":          {"t,anomaly\n", replay.Columns{}, "f.csv:1: no value column"},
		"same name twice":      {"t,A b,a_b\n", replay.Columns{}, `f.csv:1: columns "A b" and "a_b" both map to metric "a_b"`},
		"no name":              {"t,--\n", replay.Columns{}, `f.csv:1: column 2 ("--"): the header contains no letter or digit`},
		"name too long":        {"t," + strings.Repeat("x", 600) + "\n", replay.Columns{}, "600 bytes"},
		"unknown rename":       {"t,a\n", replay.Columns{Rename: map[string]string{"b": "c"}}, `f.csv:1: no column "b" to rename; the columns are "a"`},
		"one name for two":     {"t,a,b\n", replay.Columns{Metric: "m"}, "f.csv:1: one metric name for 2 value columns"},
		"not a time":           {"t,a\n2026-13-01 00:00:00,1\n", replay.Columns{}, `f.csv:2: column 1 ("t"): "2026-13-01 00:00:00" is not a time`},
		"seconds":              {"t,a\n1767225600,1\n", replay.Columns{}, `f.csv:2: column 1 ("t"): "1767225600" looks like Unix seconds`},
		"seconds, no header":   {"1767225600,1\n", replay.Columns{}, `f.csv:1: column 1: "1767225600" looks like Unix seconds`},
		"not a number":         {"t,a,b\n1767225600000,1,2\n1767225600000,1,x\n", replay.Columns{}, `f.csv:3: column 3 ("b"): "x" is not a number`},
		"decimal comma":        {"t;a\n1767225600000;1,5\n", replay.Columns{}, `f.csv:2: column 2 ("a"): "1,5" is not a number`},
		"a text after numbers": {"t,a\n1767225600000,1\n1767225600001,RUN\n", replay.Columns{}, `f.csv:3: column 2 ("a"): "RUN" is not a number`},
		"grouped digits":       {"t;a\n1767225600000;1'000.5\n", replay.Columns{}, `"1'000.5" is not a number`},
		"infinite":             {"t,a\n1767225600000,-Inf\n", replay.Columns{}, "is not a finite number"},
		"out of range":         {"t,a\n1767225600000,1e999\n", replay.Columns{}, "too large"},
		"row too short":        {"t,a,b\n1767225600000,1\n", replay.Columns{}, "f.csv:2: 2 columns, want 3"},
		"row too long":         {"t,a\n1767225600000,1,2\n", replay.Columns{}, "f.csv:2: 3 columns, want 2"},
		"open quote":           {"t,a\n\"1767225600000,1\n", replay.Columns{}, `f.csv:2: column 1 ("t"): quote is not closed`},
		"text after the quote": {"t,a\n1767225600000,\"1\"2\n", replay.Columns{}, `f.csv:2: column 2 ("a"): text after the closing quote`},
		"endless line":         {"t,a\n1767225600000,1\n" + strings.Repeat("9", 3<<20), replay.Columns{}, "f.csv:3: line is longer than 1048576 bytes"},
		"too many columns":     {"t" + strings.Repeat(",a", 10_001), replay.Columns{}, "more than 10000 columns"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := readAll(tt.text, tt.columns)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("read = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestMetricName(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"value": "value", "Volume Flow RateRMS": "volume_flow_rate_rms", "Accelerometer1RMS": "accelerometer_1_rms",
		"HTTPServer": "http_server", "  T (°C) ": "t_c", "Öl-Druck": "öl_druck", "a__b": "a_b", "—": "", "": "", "\xff": "",
	} {
		if got := replay.MetricName(header); got != want {
			t.Errorf("Slug(%q) = %q, want %q", header, got, want)
		}
	}
}

// TestPublishedRecordings reads the recordings that some checkouts have beside the
// repository. TestRecordingFormats covers their formats everywhere.
func TestPublishedRecordings(t *testing.T) {
	t.Parallel()
	rows := map[string]int{
		"nab/machine_temperature_system_failure.csv": 22_695,
		"nab/ambient_temperature_system_failure.csv": 7_267,
		"skab/anomaly-free.csv":                      9_405,
		"skab/valve1-0.csv":                          1_147,
	}
	for name, want := range rows {
		f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rec, err := replay.NewRecording(f, name, replay.Columns{})
		got := 0
		for err == nil {
			if _, err = rec.Next(); err == nil {
				got++
			}
		}
		if !errors.Is(err, io.EOF) || got != want {
			t.Errorf("%s: %d rows, then %v; want %d rows, then the end", name, got, err, want)
		}
	}
}

func FuzzRecording(f *testing.F) {
	f.Add("timestamp,value\n2013-12-02 21:15:00,73.96732207\n")
	f.Add(skabHeader + "\r\n2020-02-08 18:34:51;0.1;0.2;3;4;5;6;7;8;0.0;1.0\r\n")
	f.Add("1767225600000\t1\t\t2\n1767225600001\tNaN\t3\t4\n")
	f.Add("\ufeff\"t\",\"a\"\"\n1,2,3\n")
	f.Add("t;a\n2026-01-01T00:00:00.999+23:59;-0\n")
	f.Add("{\"ts\":1,\"kind\":\"state\"}\n{\"ts\":\"2026-01-01\",\"values\":{\"a\":1}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		rec, err := replay.NewRecording(strings.NewReader(text), "f.csv", replay.Columns{})
		if err != nil {
			return
		}
		if len(rec.Metrics()) == 0 { // lines of JSON
			for err == nil {
				_, err = rec.Next()
			}
			return
		}
		var again strings.Builder
		again.WriteString("time," + strings.Join(rec.Metrics(), ",") + "\n")
		var want []string
		for line := 0; ; {
			row, err := rec.Next()
			if err != nil {
				break
			}
			if row.Line <= line || len(row.Values) != len(rec.Metrics()) {
				t.Fatalf("row %+v after line %d for %d metrics", row, line, len(rec.Metrics()))
			}
			line = row.Line
			at := time.UnixMilli(row.ObservedAt).UTC()
			if at.Year() < 0 || at.Year() > 9999 {
				return // RFC 3339 has no such year
			}
			again.WriteString(at.Format("2006-01-02T15:04:05.000Z07:00"))
			for _, v := range row.Values {
				if math.IsInf(v, 0) {
					t.Fatalf("row %+v has an infinite value", row)
				}
				fmt.Fprint(&again, ",", v)
			}
			again.WriteByte('\n')
			want = append(want, fmt.Sprint(row.ObservedAt, " ", row.Values))
		}
		if rec.Bytes() > int64(len(text)) {
			t.Fatalf("Bytes() = %d of %d", rec.Bytes(), len(text))
		}
		checkRoundTrip(t, again.String(), want)
	})
}

// checkRoundTrip checks that rows written in the simplest format are read back
// unchanged.
func checkRoundTrip(t *testing.T, text string, want []string) {
	t.Helper()
	_, rows, err := readAll(text, replay.Columns{Labels: true})
	for i, row := range rows {
		_, rows[i], _ = strings.Cut(row, " ")
	}
	if err != nil || !slices.Equal(rows, want) {
		t.Fatalf("read(%q) = %q, %v; want %q", text, rows, err, want)
	}
}
