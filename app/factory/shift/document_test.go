package shift_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/shift"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// document returns the JSON of a valid shift, in which members are set to other
// values or, with "", left out.
func document(t testing.TB, members map[string]string) []byte {
	t.Helper()
	all := map[string]json.RawMessage{
		"name": json.RawMessage(`"Night"`), "scope": json.RawMessage(`{"site":"s","line":"l"}`), "tz": json.RawMessage(`"Europe/Berlin"`),
		"days": json.RawMessage(`["mon","tue"]`), "start": json.RawMessage(`"22:00"`), "end": json.RawMessage(`"06:00"`),
		"breaks": json.RawMessage(`[{"start":"23:45","end":"00:15"},{"start":"03:00","end":"03:30"}]`),
	}
	for name, value := range members {
		if all[name] = json.RawMessage(value); value == "" {
			delete(all, name)
		}
	}
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func compile(t *testing.T, schema []byte) *jsonschema.Schema {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func conforms(t *testing.T, schema *jsonschema.Schema, data []byte) bool {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value) == nil
}

func TestParse(t *testing.T) {
	t.Parallel()
	schema := compile(t, shift.Schema)
	tests := []struct {
		members map[string]string
		want    string // "" for a valid document
		// onlyParse marks faults that a JSON Schema cannot express.
		onlyParse bool
	}{
		{members: nil},
		{members: map[string]string{"name": "", "scope": "", "breaks": ""}},
		{members: map[string]string{"days": "[]", "start": `"06:00"`, "end": `"06:00"`, "breaks": `[{"start":"05:30","end":"06:00"}]`}},
		{members: map[string]string{"end": `"24:00"`, "breaks": `[{"start":"23:30","end":"24:00"}]`}},
		{members: map[string]string{"valid_from": `"2024-02-29"`, "valid_until": `"2024-02-29"`, "scope": `{"machine":"m"}`}},
		{members: map[string]string{"tz": `"Asia/Kolkata"`, "breaks": `[{"start":"03:00","end":"03:30"},{"start":"22:00","end":"22:05"},{"start":"03:30","end":"03:31"}]`}},
		{members: map[string]string{"tz": `"Mars/Olympus"`}, want: `/tz: "Mars/Olympus" is not the name of a time zone`, onlyParse: true},
		{members: map[string]string{"tz": `"Local"`}, want: `/tz: "Local" is not`, onlyParse: true},
		{members: map[string]string{"tz": `"../etc/passwd"`}, want: `/tz: "../etc/passwd" is not`, onlyParse: true},
		{members: map[string]string{"tz": `""`}, want: "/tz: is missing", onlyParse: true},
		{members: map[string]string{"tz": "", "days": "", "start": "", "end": ""}, want: "/tz: is missing; /days: is missing; /start: is missing; /end: is missing"},
		{members: map[string]string{"tz": "1", "break": "[]"}, want: "/break: is unknown; /tz: must be a string"},
		{members: map[string]string{"days": `["mon","Tue","mon"]`}, want: "/days/1: must be one of mon, tue, wed, thu, fri, sat, sun; /days/2: appears more than once"},
		{members: map[string]string{"days": `"mon"`}, want: "/days: must be an array"},
		{members: map[string]string{"start": `"24:00"`}, want: "/start: must be a time of day"},
		{members: map[string]string{"start": `"6:00"`}, want: "/start: must be a time of day"},
		{members: map[string]string{"start": `"06:60"`}, want: "/start: must be a time of day"},
		{members: map[string]string{"end": `"24:01"`}, want: "/end: must be a time of day"},
		{members: map[string]string{"end": `"1é:0"`}, want: "/end: must be a time of day"},
		{members: map[string]string{"end": `"06:00:00"`}, want: "/end: must be a time of day"},
		{members: map[string]string{"breaks": `[{"start":"06:00","end":"06:30"}]`}, want: "/breaks/0: must lie within the shift", onlyParse: true},
		{members: map[string]string{"breaks": `[{"start":"23:00","end":"23:00"}]`}, want: "/breaks/0: must lie within the shift", onlyParse: true},
		{members: map[string]string{"breaks": `[{"start":"05:00","end":"22:30"}]`}, want: "/breaks/0: must lie within the shift", onlyParse: true},
		{members: map[string]string{"breaks": `[{"start":"23:00","end":"00:30"},{"start":"00:00","end":"01:00"}]`}, want: "/breaks/1: overlaps the break at /breaks/0", onlyParse: true},
		{members: map[string]string{"breaks": `[{"start":"23:00"},{"start":"x","end":"23:30","note":""}]`}, want: "/breaks/1/note: is unknown"},
		{members: map[string]string{"breaks": `[{"start":"23:00"},{"start":"x","end":"23:30"}]`}, want: "/breaks/0/end: is missing; /breaks/1/start: must be a time of day"},
		{members: map[string]string{"breaks": `[` + strings.Repeat(`{"start":"23:00","end":"23:01"},`, 24) + `{"start":"23:00","end":"23:01"}]`}, want: "/breaks: has 25 breaks, more than 24"},
		{members: map[string]string{"valid_from": `"2023-02-29"`}, want: "/valid_from: must be a date"},
		{members: map[string]string{"valid_from": `"2023-03-01"`, "valid_until": `"2023-02-28"`}, want: "/valid_until: is before valid_from", onlyParse: true},
		{members: map[string]string{"scope": `{"line":"a/b"}`}, want: `/scope/line: "a/b" has a slash`, onlyParse: true},
		{members: map[string]string{"scope": `{"machines":"m"}`}, want: "/scope/machines: is unknown"},
		{members: map[string]string{"name": `"a\u0000"`}, want: "/name: display name", onlyParse: true},
		{members: map[string]string{"earlier": `[{"tz":"x"}]`}, want: "/earlier/0/tz: ", onlyParse: true},
	}
	for _, tt := range tests {
		data := document(t, tt.members)
		_, err := shift.Parse("s", data)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("Parse(%s) = %v, want a shift", data, err)
		case tt.want != "" && (!errors.Is(err, factory.ErrInvalid) || !strings.HasPrefix(err.Error(), tt.want)):
			t.Errorf("Parse(%s) = %v, want %s…", data, err, tt.want)
		}
		if got, want := conforms(t, schema, data), tt.want == "" || tt.onlyParse; got != want {
			t.Errorf("%s conforms to the schema: %v, want %v", data, got, want)
		}
	}
}

func TestParseCalendar(t *testing.T) {
	t.Parallel()
	schema := compile(t, shift.CalendarSchema)
	tests := []struct {
		document, want string
		onlyParse      bool
	}{
		{document: `{"name":"Saxony","scope":{"site":"s"},"days":[{"date":"2024-12-25","kind":"off","name":"Christmas"},{"date":"2024-12-24","shifts":["early"]}]}`},
		{document: `{"days":[]}`},
		{document: `{"days":[{"date":"2024-12-24","shifts":[]}]}`},
		{document: `{}`, want: "/days: is missing"},
		{document: `{"days":{}}`, want: "/days: must be an array"},
		{document: `{"days":[{"date":"25.12.2024","kind":"off"}]}`, want: "/days/0/date: must be a date"},
		{document: `{"days":[{"kind":"off"}]}`, want: "/days/0/date: must be a date"},
		{document: `{"days":[{"date":"2024-12-25"}]}`, want: "/days/0: must have the kind off or shifts"},
		{document: `{"days":[{"date":"2024-12-25","kind":"holiday"}]}`, want: "/days/0/kind: must be off"},
		{document: `{"days":[{"date":"2024-12-25","kind":"off","shifts":["a"]}]}`, want: "/days/0/shifts: must not be given"},
		{document: `{"days":[{"date":"2024-12-25","shifts":["a","a",""]}]}`, want: "/days/0/shifts/1: appears more than once; /days/0/shifts/2: shift name is empty"},
		{document: `{"days":[{"date":"2024-12-25","kind":"off"},{"date":"2024-12-25","kind":"off","x":1}]}`, want: "/days/1/x: is unknown"},
		{document: `{"days":[{"date":"2024-12-25","kind":"off"},{"date":"2024-12-25","shifts":["x"]}]}`, want: "/days/1/date: appears more than once", onlyParse: true},
		{document: `{"days":[` + strings.Repeat(`{},`, 1000) + `{}]}`, want: "/days: has 1001 days"},
		{document: `{"scope":{"site":""},"days":[],"tz":"UTC"}`, want: "/tz: is unknown"},
	}
	for _, tt := range tests {
		_, err := shift.ParseCalendar("c", []byte(tt.document))
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("ParseCalendar(%s) = %v, want a calendar", tt.document, err)
		case tt.want != "" && (!errors.Is(err, factory.ErrInvalid) || !strings.HasPrefix(err.Error(), tt.want)):
			t.Errorf("ParseCalendar(%.200s) = %v, want %s…", tt.document, err, tt.want)
		}
		if got, want := conforms(t, schema, []byte(tt.document)), tt.want == "" || tt.onlyParse; got != want {
			t.Errorf("%.200s conforms to the schema: %v, want %v", tt.document, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(document(f, nil))
	f.Add(document(f, map[string]string{"valid_from": `"2024-02-29"`, "end": `"24:00"`, "tz": `"Asia/Kolkata"`}))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := shift.Parse("s", data)
		if err != nil {
			if !errors.Is(err, factory.ErrInvalid) {
				t.Fatalf("Parse = %v, want %v", err, factory.ErrInvalid)
			}
			return
		}
		stored, err := shift.Change(nil, data, 0)
		if err != nil {
			t.Fatalf("Change(nil, %q) = %v", data, err)
		}
		again, err := shift.Parse("s", stored)
		if err != nil {
			t.Fatalf("Parse(%q) = %v", stored, err)
		}
		span := factory.Span{From: 1e12, To: 1e12 + 20*86400_000}
		before, after := collect(s, span), collect(again, span)
		if !strings.Contains(string(data), "earlier") && fmt.Sprint(before) != fmt.Sprint(after) {
			t.Fatalf("instances of %q = %v, as stored %v", data, before, after)
		}
	})
}
