package hub_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"smart-factory-backend/app/live/hub"
)

func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"origin":"0a","count":1,"event":"telemetry","data":{"a":[1]}}`, `{"origin":"0a","count":2}`,
		`{"origin":"","count":1}`, `{"origin":"a","count":-1}`, `[]`, `{"origin":"a","count":1,"data":"\u2028\ud800"}`, "\xff", `{`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := hub.Decode(text)
		if err != nil {
			return
		}
		if m.Origin == "" || m.Count == 0 || len(m.Data) > 0 && !json.Valid(m.Data) {
			t.Fatalf("decode(%q) = %+v", text, m)
		}
		again, err := hub.Decode(m.Encode())
		if err != nil || again.Origin != m.Origin || again.Count != m.Count || again.Event != m.Event || !bytes.Equal(again.Data, m.Data) {
			t.Errorf("decode(encode(%+v)) = %+v, %v", m, again, err)
		}
	})
}
