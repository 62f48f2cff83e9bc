package jsonpoints_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/ingesttest"
	"smart-factory-backend/app/ingest/jsonpoints"
)

const at = ingesttest.Now

// decode reads a body of at most maxPoints points as NDJSON or as JSON.
func decode(body []byte, ndjson bool, maxPoints int) (*ingest.Batch, error) {
	b := ingest.NewBatch(at, maxPoints)
	if ndjson {
		return b, jsonpoints.DecodeLines(b, body)
	}
	return b, jsonpoints.Decode(b, body)
}

// decodeText decodes a body and formats its readings and errors.
func decodeText(t *testing.T, body string, ndjson bool) (readings, rejected []string, err error) {
	t.Helper()
	b, err := decode([]byte(body), ndjson, 1000)
	defer b.Release()
	for i, r := range b.Readings {
		value := fmt.Sprint(r.Value)
		if r.Text != nil {
			value = strconv.Quote(*r.Text)
		}
		readings = append(readings, fmt.Sprintf("%s %s/%s@%d=%s", b.Pointer(i), r.Machine, r.Metric, r.ObservedAt-at, value))
	}
	for _, e := range b.Errors {
		rejected = append(rejected, e.Pointer+": "+e.Detail)
	}
	if len(rejected) > b.Rejected {
		t.Errorf("decode(%q) lists %d errors and counts %d", body, len(rejected), b.Rejected)
	}
	return readings, rejected, err
}

func TestDecode(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 1_000_000)
	tests := map[string]struct {
		body     string
		ndjson   bool
		want     []string
		rejected []string // the beginning of each
		err      string   // a part of it
	}{
		"an object":                       {body: `{"machine":"m","ts":1700000000001,"values":{"a":1,"b":-2.5e1}}`, want: []string{"/values/a m/a@1=1", "/values/b m/b@1=-25"}},
		"any order of members":            {body: ` { "values" : { "a" : 1 } , "ts" : 1700000000001 , "machine" : "m" } `, want: []string{"/values/a m/a@1=1"}},
		"without ts the clock counts":     {body: `{"machine":"m","values":{"a":1}}`, want: []string{"/values/a m/a@0=1"}},
		"ISO 8601 time":                   {body: `{"machine":"m","ts":"2023-11-14T22:13:21Z","values":{"a":1}}`, want: []string{"/values/a m/a@1000=1"}},
		"an array":                        {body: `[{"machine":"m","values":{"a":1}},{"machine":"n","values":{"a":2}}]`, want: []string{"/0/values/a m/a@0=1", "/1/values/a n/a@0=2"}},
		"an empty array":                  {body: `[]`},
		"NDJSON":                          {body: "{\"machine\":\"m\",\"values\":{\"a\":1}}\r\n\n{\"machine\":\"n\",\"values\":{\"a\":2}}\n", ndjson: true, want: []string{"/0/values/a m/a@0=1", "/2/values/a n/a@0=2"}},
		"NDJSON without its content type": {body: "{\"machine\":\"m\",\"values\":{\"a\":1}}\n{\"machine\":\"n\",\"values\":{\"a\":2}}", want: []string{"/0/values/a m/a@0=1", "/1/values/a n/a@0=2"}},
		"a malformed line does not affect others": {body: "{\"machine\":\"m\",\"values\":{\"a\":1}}\n{\"machine\":\"m\",\"values\":{\"b\":1\n{\"machine\":\"n\",\"values\":{\"a\":2}}", ndjson: true, want: []string{"/0/values/a m/a@0=1", "/2/values/a n/a@0=2"}, rejected: []string{"/1: not valid JSON"}},
		"names with escapes":                      {body: `{"machine":"m\u00fc\"","values":{"a\/b~":1}}`, want: []string{"/values/a~1b~0 mü\"/a/b~@0=1"}},
		"texts and booleans":                      {body: `{"machine":"m","values":{"s":"1","e":"","u":"\u00e9\n","t":true,"f":false}}`, want: []string{`/values/s m/s@0="1"`, `/values/e m/e@0=""`, `/values/u m/u@0="é\n"`, "/values/t m/t@0=1", "/values/f m/f@0=0"}},
		"invalid texts":                           {body: `{"machine":"m","values":{"a":"` + strings.Repeat("x", 1025) + `","b":"\u0000","c":"` + "\xff" + `","ok":"` + strings.Repeat("x", 1024) + `"}}`, want: []string{`/values/ok m/ok@0="` + strings.Repeat("x", 1024) + `"`}, rejected: []string{"/values/a: text has 1025 bytes, more than 1024", "/values/b: text has a control character", "/values/c: text is not valid UTF-8"}},
		"values that are neither number nor text": {body: `{"machine":"m","values":{"n":null,"o":{},"l":[1],"ok":1}}`, want: []string{"/values/ok m/ok@0=1"}, rejected: []string{"/values/n: must be a number, a boolean or a text, not null", "/values/o: must be", "/values/l: must be"}},
		"numbers that JSON does not allow":        {body: `{"machine":"m","values":{"a":NaN,"b":-Infinity,"c":1e999,"d":+1,"e":01,"f":.5,"g":1.,"h":0x10,"ok":1}}`, want: []string{"/values/ok m/ok@0=1"}, rejected: []string{`/values/a: "NaN" is not a JSON number`, "/values/b: ", "/values/c: is outside the range", "/values/d: ", "/values/e: ", "/values/f: ", "/values/g: ", "/values/h: "}},
		"repeated metric":                         {body: `{"machine":"m","values":{"a":1,"b":2,"a":3}}`, want: []string{"/values/b m/b@0=2"}, rejected: []string{"/values/a: appears more than once", "/values/a: appears"}},
		"repeated member":                         {body: `[{"machine":"m","machine":"n","values":{"a":1,"b":2}},{"machine":"m","values":{"a":1}}]`, want: []string{"/1/values/a m/a@0=1"}, rejected: []string{"/0/machine: appears more than once"}},
		"unknown member":                          {body: `{"machine":"m","unit":"C","values":{"a":1}}`, rejected: []string{"/unit: is unknown"}},
		"missing machine":                         {body: `{"values":{"a":1}}`, rejected: []string{"/machine: is missing"}},
		"missing values":                          {body: `{"machine":"m"}`, rejected: []string{"/values: is missing"}},
		"empty values":                            {body: `{"machine":"m","values":{}}`, rejected: []string{"/values: is empty"}},
		"element that is not an object":           {body: `[1,{"machine":"m","values":{"a":1}},null]`, want: []string{"/1/values/a m/a@0=1"}, rejected: []string{"/0: expected an object", "/2: expected an object"}},
		"11 minutes ahead":                        {body: `{"machine":"m","ts":1700000660000,"values":{"a":1}}`, rejected: []string{"/ts: time 1700000660000 is more than 10 minutes ahead"}},
		"10 minutes ahead":                        {body: `{"machine":"m","ts":1700000600000,"values":{"a":1}}`, want: []string{"/values/a m/a@600000=1"}},
		"ts with a fraction":                      {body: `{"machine":"m","ts":1.5,"values":{"a":1}}`, rejected: []string{"/ts: must be an integer of Unix milliseconds"}},
		"ts that is not a time":                   {body: `{"machine":"m","ts":"noon","values":{"a":1}}`, rejected: []string{`/ts: "noon" is neither`}},
		"an empty name":                           {body: `{"machine":"","values":{"a":1}}`, rejected: []string{"/machine: machine name is empty"}},
		"a name of a megabyte":                    {body: `{"machine":"m","values":{"` + long + `":1,"a":1}}`, want: []string{"/values/a m/a@0=1"}, rejected: []string{"/values/" + long[:64] + "…: metric name has 1000000 bytes"}},
		"invalid UTF-8 in a name":                 {body: "{\"machine\":\"m\",\"values\":{\"\xff\":1,\"a\":1}}", want: []string{"/values/a m/a@0=1"}, rejected: []string{"/values/\uFFFD: metric name"}},
		"deep nesting in a value":                 {body: `{"machine":"m","values":{"a":` + strings.Repeat("[", 100_000), err: "nested deeper than 16"},
		"shallow nesting in a value":              {body: `{"machine":"m","values":{"a":[[[{"x":"]"}]]],"b":1}}`, want: []string{"/values/b m/b@0=1"}, rejected: []string{"/values/a: must be a number"}},
		"seconds":                                 {body: `[{"machine":"m","ts":1700000000,"values":{"a":1,"b":2}},{"machine":"m","values":{"a":1}}]`, want: []string{"/1/values/a m/a@0=1"}, rejected: []string{"/0/ts: time 1700000000 is before 1971, give Unix milliseconds"}},
		"a machine that is no name":               {body: `[{"machine":"m\n","values":{"a":1,"b":2}}]`, rejected: []string{"/0/machine: machine name \"m\\n\" has a control character"}},
		"a byte order mark":                       {body: "\xef\xbb\xbf" + `{"machine":"m","values":{"a":1}}`, want: []string{"/values/a m/a@0=1"}},
		"NDJSON with a byte order mark":           {body: "\xef\xbb\xbf" + `{"machine":"m","values":{"a":1}}` + "\n" + `{"machine":"n","values":{"a":1}}`, want: []string{"/0/values/a m/a@0=1", "/1/values/a n/a@0=1"}},
		"null":                                    {body: `null`, err: "the body is null, want an object with machine, ts and values"},
		"a string":                                {body: ` "x" `, err: "the body is a string, want"},
		"a number":                                {body: `1.5e3`, err: "the body is a number, want"},
		"a boolean":                               {body: `true`, err: "the body is a boolean, want"},
		"a line that is no object":                {body: "null\n[1]\nx\n" + `{"machine":"m","values":{"a":1}}`, ndjson: true, want: []string{"/3/values/a m/a@0=1"}, rejected: []string{"/0: is null, want an object with machine, ts and values", "/1: is an array, want", "/2: not valid JSON at byte 0 of the line: expected an object"}},
		"an ISO 8601 time with a space":           {body: `{"machine":"m","ts":"2023-11-14 23:13:21+0100","values":{"a":1}}`, want: []string{"/values/a m/a@1000=1"}},
		"not JSON":                                {body: `hello`, err: "line 1, column 1"},
		"an empty body":                           {body: ``, err: "line 1, column 1"},
		"truncated":                               {body: "{\"machine\":\"m\",\n\"values\":{\"a\":1", err: "line 2, column 16"},
		"data after the end":                      {body: `{"machine":"m","values":{"a":1}} x`, err: "unexpected data after"},
		"trailing comma":                          {body: `[{"machine":"m","values":{"a":1}},]`, err: "expected a value"},
		"newline in a string":                     {body: "{\"machine\":\"a\nb\",\"values\":{\"a\":1}}", err: "control character"},
		"invalid escape":                          {body: `{"machine":"\x","values":{"a":1}}`, err: "invalid escape"},
		"mismatched brackets":                     {body: `{"machine":"m","values":{"a":[}]}}`, err: "mismatched brackets"},
		"more points than allowed":                {body: `[` + strings.Repeat(`{"machine":"m","values":{"a":1}},`, 1000) + `{"machine":"m","values":{"a":1}}]`, err: "more than 1000 points"},
		"more rejected points than allowed":       {body: `[` + strings.Repeat(`0,`, 1000) + `0]`, err: "more than 1000 points"},
		"more malformed lines than allowed":       {body: strings.Repeat("x\n", 1001), ndjson: true, err: "more than 1000 points"},
		"rejected values count as points":         {body: `{"machine":"m","values":{` + strings.Repeat(`"a":null,`, 1000) + `"b":1}}`, err: "more than 1000 points"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, rejected, err := decodeText(t, tt.body, tt.ndjson)
			if tt.err != "" {
				var body *ingest.Error
				if !errors.As(err, &body) || !strings.Contains(body.Detail, tt.err) {
					t.Fatalf("decode = error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatalf("decode = error %v, want none", err)
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("decode = %v, want %v", got, tt.want)
			}
			if len(rejected) != len(tt.rejected) {
				t.Fatalf("rejected = %q, want %q", rejected, tt.rejected)
			}
			for i := range rejected {
				if !strings.HasPrefix(rejected[i], tt.rejected[i]) {
					t.Errorf("rejected[%d] = %q, want %q…", i, rejected[i], tt.rejected[i])
				}
			}
		})
	}
}

// A single object decodes to what encoding/json reads from it.
// sameValue reports whether a reading has the value that encoding/json decodes.
func sameValue(r factory.Reading, want any) bool {
	switch want := want.(type) {
	case float64:
		return r.Text == nil && math.Float64bits(r.Value) == math.Float64bits(want)
	case bool:
		return r.Text == nil && r.Value == map[bool]float64{true: 1}[want]
	case string:
		return r.Text != nil && *r.Text == want
	}
	return false
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"machine":"m","ts":1700000000001,"values":{"a":1,"b":-2.5e1}}`), false)
	f.Add([]byte(`[{"machine":"m","values":{"a":1}},{"machine":"n","values":{"a":NaN}}]`), false)
	f.Add([]byte("{\"machine\":\"m\",\"values\":{\"a\":1}}\n{\"machine\":\"n\"}\n"), true)
	f.Add([]byte(`{"machine":"\u00e9\ud83d\ude00","values":{"a":[[["]"]]],"a":1}}`), false)
	f.Fuzz(func(t *testing.T, body []byte, ndjson bool) {
		before := bytes.Clone(body)
		b, err := decode(body, ndjson, 100)
		defer b.Release()
		if !bytes.Equal(before, body) {
			t.Fatal("decode changed its input")
		}
		if err != nil {
			if _, ok := errors.AsType[*ingest.Error](err); !ok {
				t.Fatalf("decode = %v, want an ingest.Error", err)
			}
			return
		}
		ingesttest.CheckBatch(t, b)
		if len(b.Readings) == 0 || strings.HasPrefix(b.Pointer(0), "/0/") {
			return // not a single object
		}
		var want struct {
			Machine string         `json:"machine"`
			Values  map[string]any `json:"values"`
		}
		if b.Rejected == 0 {
			if err := json.Unmarshal(body, &want); err != nil {
				t.Fatalf("decode accepted what encoding/json rejects: %v", err)
			}
			for _, r := range b.Readings {
				if !sameValue(r, want.Values[r.Metric]) || r.Machine != want.Machine {
					t.Fatalf("decode = %+v, encoding/json has %+v", r, want)
				}
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	var wide, narrow bytes.Buffer
	wide.WriteByte('[')
	narrow.WriteByte('[')
	for i := range 1000 {
		if i%8 == 0 {
			fmt.Fprintf(&wide, `{"machine":"press-%d","ts":%d,"values":{`, i/8, at+int64(i))
		}
		fmt.Fprintf(&wide, `"metric_%d":%v`, i%8, float64(i)*1.0625+20)
		wide.WriteString(map[bool]string{true: "}},", false: ","}[i%8 == 7])
		fmt.Fprintf(&narrow, `{"machine":"press-%d","ts":%d,"values":{"temperature":%v}},`, i%50, at+int64(i), float64(i)*1.0625+20)
	}
	for name, body := range map[string][]byte{"125x8": wide.Bytes(), "1000x1": narrow.Bytes()} {
		body = append(body[:len(body)-1:len(body)-1], ']')
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				batch, err := decode(body, false, 10_000)
				if err != nil || len(batch.Readings) != 1000 {
					b.Fatal(err, len(batch.Readings), batch.Errors)
				}
				batch.Release()
			}
			b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "points/s")
		})
	}
}
