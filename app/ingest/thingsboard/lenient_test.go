package thingsboard_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"smart-factory-backend/app/ingest/jsonscan"
	"smart-factory-backend/app/ingest/thingsboard"
)

func TestToStrict(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{temperature:25}`:              `{"temperature":25}`,
		`{'a':'it''s'`:                  "",
		`{'a':'it\'s "it"'}`:            `{"a":"it's \"it\""}`,
		`{"a" = 1; b => two}`:           `{"a":1,"b":two}`,
		"// c\n{ # d\n a /* e */ : 1 }": `{"a":1}`,
		`[{a:-.5},{b:RUNNING}]`:         `[{"a":-.5},{"b":RUNNING}]`,
		`{a:$x_1,b:Größe}`:              `{"a":"$x_1","b":"Größe"}`,
		"{\"a\":\"x\ny\tz\\\n\"}":       `{"a":"x\ny\tz\n"}`,
		`{a:"\u00e9\/"}`:                `{"a":"\u00e9\/"}`,
		"\xef\xbb\xbf{a:1}":             `{"a":1}`,
		`{}`:                            `{}`,
		`[]`:                            `[]`,
		`{a:{b:[1,[]]}}`:                `{"a":{"b":[1,[]]}}`,
		`{a:"\x"}`:                      "",
		`{a:"\u00g0"}`:                  "",
		`{a:1,}`:                        "",
		`[1,,2]`:                        "",
		`[1,]`:                          "",
		`{a:1]`:                         "",
		`{a}`:                           "",
		`{a:}`:                          "",
		`{:1}`:                          "",
		`{a:1}}`:                        "",
		`{a:1`:                          "",
		`{a:1 /* `:                      "",
		"{a:'\x01'}":                    "",
		strings.Repeat("[", 18):         "",
		"{a:'" + strings.Repeat("x", 1<<20) + "'}": "",
	} {
		got, err := thingsboard.ToStrict([]byte(body))
		if (err != nil) != (want == "") || err == nil && string(got) != want {
			t.Errorf("toStrict(%.60s) = %s, %v, want %s", body, got, err, want)
		}
	}
}

// JSON stays the same, and whatever is converted has the structure of JSON.
func FuzzToStrict(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[true,null,"x\n"]}`, `{a:'b',c=>d;/*e*/f=[1,2]}`, "# x\n[NaN]", `{'\'':"\""}`, "{a:b c}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		strict, err := thingsboard.ToStrict(body)
		if err != nil {
			if e, ok := errors.AsType[*jsonscan.SyntaxError](err); !ok || e.Offset > len(body) {
				t.Fatalf("toStrict(%q) = %v, want a syntax error within the body", body, err)
			}
			return
		}
		if len(strict) > 3*len(body) {
			t.Fatalf("toStrict(%q) has %d bytes", body, len(strict))
		}
		s := jsonscan.New(strict)
		_, err = s.Skip()
		if err == nil {
			err = s.ExpectEnd()
		} else if strings.Contains(err.Error(), "nested deeper") {
			return
		}
		if err != nil {
			t.Fatalf("toStrict(%q) = %q, which is not JSON: %v", body, strict, err)
		}
		var before, after any
		if json.Unmarshal(body, &before) == nil && (json.Unmarshal(strict, &after) != nil || !reflect.DeepEqual(before, after)) {
			t.Fatalf("toStrict(%q) = %q, which means something else", body, strict)
		}
	})
}
