package timeline_test

import (
	"encoding/json"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"
)

func TestDecodeStateAsJSONDoes(t *testing.T) {
	t.Parallel()
	for _, data := range []string{
		`{"state":"running"}`, `{"state":"planned_stop","reason":"lunch, \"late\""}`, `{"state":"fault","reason":"jam"}`, `{"state":"fault","reason":"Säge"}`,
		`{"reason":"jam","state":"fault"}`, `{ "state":"idle" }`, `{"state":"idle","reason":""}`, `{"state":"ru\u006ening"}`, `{"state":"idle","reason":"a","source":"signal"}`,
		`{"state":"idle","source":"signal"}`, `{"state":"nonsense"}`, `{"state":""}`, `{"state":"idle"`, `{"state":"idle"}}`, `{"state":"idle","reason":"x}`, `{"state":"idle","reason":"x"}}`, `{}`,
	} {
		var want struct {
			State, Reason, Source string
		}
		known := false
		valid := json.Unmarshal([]byte(data), &want) == nil && want.Source == ""
		for _, s := range timeline.States {
			known = known || string(s) == want.State
		}
		if want.State == "" && data == `{}` {
			known = true // nothing to refuse
		}
		got, ok := timeline.Decode(factory.Event{Kind: factory.EventState, Data: []byte(data)})
		if ok != (valid && known) || ok && (string(got.State) != want.State || got.Reason != want.Reason) {
			t.Errorf("Decode(%s) = %q, %q, %v; want %+v, %v", data, got.State, got.Reason, ok, want, valid && known)
		}
	}
}
