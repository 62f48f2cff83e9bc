package socketio_test

import (
	"encoding/json"
	"strings"
	"testing"

	"smart-factory-backend/app/socketio"
)

func TestScannerAgreesWithEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, text := range jsonSeeds {
		if got, want := socketio.Valid([]byte(text)), json.Valid([]byte(text)); got != want {
			t.Errorf("Valid(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestNestingIsBounded(t *testing.T) {
	t.Parallel()
	nested := func(n int) []byte {
		return []byte(strings.Repeat("[", n) + strings.Repeat("]", n))
	}
	if !socketio.Valid(nested(socketio.MaxDepth)) {
		t.Errorf("Valid() = false at a depth of %d, want true", socketio.MaxDepth)
	}
	if socketio.Valid(nested(socketio.MaxDepth + 1)) {
		t.Errorf("Valid() = true at a depth of %d, want false", socketio.MaxDepth+1)
	}
	if socketio.Valid([]byte(strings.Repeat(`{"a":`, 1_000_000))) {
		t.Error("Valid() = true for a million open braces")
	}
}

func FuzzScan(f *testing.F) {
	for _, text := range jsonSeeds {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, want := socketio.Valid(data), json.Valid(data)
		if got && !want {
			t.Errorf("Valid(%q) = true, and it is not", data)
		}
		if want && !got && strings.Count(string(data), "[")+strings.Count(string(data), "{") <= socketio.MaxDepth {
			t.Errorf("Valid(%q) = false, and it is", data)
		}
	})
}

var jsonSeeds = []string{
	``, ` `, `null`, `true`, `false`, `nul`, `truee`, `0`, `-0`, `01`, `-`, `1.`, `1.5`, `.5`, `1e5`, `1e`, `1E+5`, `1e-`, `-1.5e+10`,
	`""`, `"a"`, `"`, `"\"`, `"\n"`, `"\q"`, `"\u12"`, `"\u12aF"`, `"\ud800"`, "\"\x1f\"", "\"\x7f\"", `"é"`,
	`[]`, `[ ]`, `[1]`, `[1,]`, `[,]`, `[1 2]`, `[1,2`, `[[[]]]`, `[1]]`, `{}`, `{ }`, `{"a":1}`, `{"a":}`, `{"a"}`, `{a:1}`, `{"a":1,}`, `{"a":1,"b":[{}]}`,
	"\t[\n1\r, {\"a\" : null } ] ", `{"a":1}{`, `"a" "b"`, "\ufeff1",
}
