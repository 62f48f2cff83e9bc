package factory_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
)

type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	value, err := time.ParseDuration(string(text))
	*d = duration(value)
	if err != nil {
		return fmt.Errorf("%q is not a duration: %w", text, factory.ErrInvalid)
	}
	return nil
}

type document struct {
	Name  string             `json:"name"`
	Limit *float64           `json:"limit"`
	Count int64              `json:"count"`
	Latch bool               `json:"latching"`
	Delay duration           `json:"delay"`
	Days  []string           `json:"days"`
	Map   map[string]float64 `json:"map"`
	When  *struct {
		Op string `json:"op"`
	} `json:"when"`
	Breaks []struct {
		Start string `json:"start"`
	} `json:"breaks"`
	Raw json.RawMessage `json:"raw"`
	scope
	Internal string `json:"-"`
}

type scope struct {
	Line string `json:"line"`
}

func TestDecodeDocument(t *testing.T) {
	t.Parallel()
	var d document
	err := factory.DecodeDocument([]byte(` {"name":"n","limit":-1.5e2,"count":3.0,"latching":true,"delay":"10s","days":["mon","tue"],"map":{"a":1},
		"when":{"op":">"},"breaks":[{"start":"a"},{}],"raw":{"x":[1]},"line":"l"} `), &d)
	if err != nil {
		t.Fatal(err)
	}
	if d.Name != "n" || *d.Limit != -150 || d.Count != 3 || !d.Latch || d.Delay != duration(10*time.Second) || len(d.Days) != 2 || d.Map["a"] != 1 ||
		d.When.Op != ">" || len(d.Breaks) != 2 || d.Breaks[0].Start != "a" || string(d.Raw) != `{"x":[1]}` || d.Line != "l" {
		t.Errorf("document = %+v", d)
	}
	d = document{}
	if err := factory.DecodeDocument([]byte(`{"name":null,"limit":null,"days":null,"when":null,"raw":null,"delay":null}`), &d); err != nil || d.Limit != nil || d.Raw != nil || d.When != nil {
		t.Errorf("nulls = %+v, %v; want them to be missing", d, err)
	}
}

func TestDecodeDocumentNamesEachMember(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	for body, want := range map[string]string{
		`{"Name":"n"}`:                            "/Name: is unknown",
		`{"-":"n","Internal":"n"}`:                "/-: is unknown; /Internal: is unknown",
		`{"a/b~c":1}`:                             "/a~1b~0c: is unknown",
		`{"` + long + `":{"a":[1,{}]}}`:           "/" + long[:64] + "…: is unknown",
		`{"name":"n","name":"m"}`:                 "/name: appears more than once",
		`{"map":{"a":1,"a":2}}`:                   "/map/a: appears more than once",
		`{"map":{"a":"1","b":null},"days":{}}`:    "/map/a: must be a number; /map/b: must not be null; /days: must be an array",
		`{"name":1,"limit":"1","count":1.5}`:      "/name: must be a string; /limit: must be a number; /count: must be an integer",
		`{"name":{"a":[{}]},"latching":"true"}`:   "/name: must be a string; /latching: must be true or false",
		`{"limit":1e999,"count":1e30}`:            "/limit: must be in the range of a 64-bit float; /count: must be an integer",
		`{"delay":"soon"}`:                        `/delay: "soon" is not a duration`,
		`{"delay":5,"line":5}`:                    "/delay: must be a string; /line: must be a string",
		`{"days":["mon",3,null]}`:                 "/days/1: must be a string; /days/2: must not be null",
		`{"when":{"op":">","limt":3},"when":[]}`:  "/when/limt: is unknown; /when: appears more than once",
		`{"when":[],"breaks":[{"end":1},[{}],2]}`: "/when: must be an object; /breaks/0/end: is unknown; /breaks/1: must be an object; /breaks/2: must be an object",
		`{"raw":1,"raw":2}`:                       "/raw: appears more than once",
	} {
		err := factory.DecodeDocument([]byte(body), &document{})
		if !errors.Is(err, factory.ErrInvalid) || err.Error() != want {
			t.Errorf("DecodeDocument(%s) = %v, want %s", body, err, want)
		}
	}
	var many strings.Builder
	for i := range 500 {
		fmt.Fprintf(&many, `,"m%d":1`, i)
	}
	var members factory.MemberErrors
	if err := factory.DecodeDocument([]byte(`{"name":"n"`+many.String()+`}`), &document{}); !errors.As(err, &members) || len(members) != 100 {
		t.Errorf("500 unknown members = %d errors, want the first 100", len(members))
	}
}

func TestDecodeDocumentRefusesWhatIsNoObject(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                    "not valid JSON at line 1, column 1",
		"x":                   "not valid JSON at line 1, column 1",
		"{\n\"name\":}":       "not valid JSON at line 2, column 8",
		`{"name":"n"`:         "not valid JSON at line 1",
		`{"name":"n"}{}`:      "not valid JSON at line 1, column 13",
		`[]`:                  "not a JSON object",
		`null`:                "not a JSON object",
		`"{}"`:                "not a JSON object",
		"{\"name\":\"\xff\"}": "not valid UTF-8",
		strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000): "not valid JSON",
	} {
		if err := factory.DecodeDocument([]byte(body), &document{}); !errors.Is(err, factory.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("DecodeDocument(%.40q) = %v, want …%s…", body, err, want)
		}
	}
}

// What DecodeDocument accepts, encoding/json accepts with the same result.
func FuzzDecodeDocument(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"name":"n","limit":1,"days":["a"],"map":{"a":1},"when":{"op":"<"},"breaks":[{}],"raw":[],"line":"l"}`,
		`{"count":1e2}`, `{"name":"\ud800"}`, `{"x":{"y":[{}]}}`, `{"delay":"1s","latching":false}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var got, want document
		if factory.DecodeDocument([]byte(body), &got) != nil {
			return
		}
		d := json.NewDecoder(strings.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&want); err != nil && !strings.Contains(err.Error(), "int64") { // 3.0 is an integer
			t.Fatalf("%q was accepted, but encoding/json says %v", body, err)
		}
		if fmt.Sprint(got.Name, got.Days, got.Line, got.Map, len(got.Breaks)) != fmt.Sprint(want.Name, want.Days, want.Line, want.Map, len(want.Breaks)) {
			t.Errorf("%q = %+v, want %+v", body, got, want)
		}
	})
}

func TestMemberErrorsNest(t *testing.T) {
	t.Parallel()
	var e factory.MemberErrors
	e.AddError("/a", nil)
	if e.Err() != nil {
		t.Errorf("Err = %v, want nil", e.Err())
	}
	e.AddError("/signals", factory.MemberErrors{{Pointer: "/state/map", Detail: "is missing"}, {Pointer: "/good", Detail: "is unknown"}})
	e.AddError("/unit", fmt.Errorf("is too long: %w", factory.ErrInvalid))
	e.Add("/unit", "is empty")
	if got, want := e.Err().Error(), "/signals/state/map: is missing; /signals/good: is unknown; /unit: is too long"; got != want {
		t.Errorf("Err = %q, want %q", got, want)
	}
}
