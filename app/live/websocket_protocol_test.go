package live_test

import (
	"strings"
	"testing"

	"smart-factory-backend/app/live"

	"github.com/fasthttp/websocket"
)

// The session continues after an invalid request.
func TestInvalidRequestsGetAnError(t *testing.T) {
	t.Parallel()
	c := newNetHarness(t, nil).openWebSocket("/ws")
	for _, tt := range []struct{ message, id, detail string }{
		{`nonsense`, "", "want a JSON object"},
		{`[]`, "", "want a JSON object"},
		{`{"op":"subscribe","id":7,"rooms":"all"}`, "7", "want a JSON object"},
		{`{"op":"subscribe","id":{"a":1},"rooms":["all"]}`, "", "id must be a number or a string"},
		{`{"op":"subscribe","id":"` + strings.Repeat("x", 70) + `","rooms":["all"]}`, "", "id must be a number or a string"},
		{`{"op":"subscribe","id":8,"rooms":[]}`, "8", "rooms is empty"},
		{`{"op":"subscribe","id":9,"rooms":["all","nope"]}`, "9", `"room":"nope"`},
		{`{"op":"unsubscribe","id":10,"rooms":["nope"]}`, "10", `"room":"nope"`},
		{`{"op":"unsubscribe","id":10}`, "10", `rooms is missing`},
		{`{"op":"unsubscribe","id":10,"rooms":null}`, "10", `rooms is missing`},
		{`{"op":"unsubscribe","id":10,"rooms":[]}`, "10", `rooms is empty`},
		{`{"op":"unsubscribe","id":10,"room":["all"]}`, "10", `unknown member \"room\"`},
		{`{"op":"subscribe","id":10,"rooms":["all"],"x":1}`, "10", `unknown member \"x\"`},
		{`{"op":"telemetry","id":10,"machine":"m","values":{},"tags":{}}`, "10", `unknown member \"tags\"`},
		{`{"op":"telemetry","id":10,"machine":"m","timestamp":1700000000000,"values":{"a":1}}`, "10", `unknown member \"timestamp\"; the members are op, id, rooms, data, machine, ts, values`},
		{`{"op":"telemetry","id":10,"machine":"m","TS":1700000000000,"values":{"a":1}}`, "10", `unknown member \"TS\"`},
		{`{"op":"telemetry","id":10,"machine":"m","ts":1,"ts":1700000000000,"values":{"a":1}}`, "10", `member \"ts\" appears more than once`},
		{`{"op":"telemetry","id":10,"ts":1700000000000,"data":{"machine":"m","values":{"a":1}}}`, "10", `want either data, or machine, ts and values`},
		{`{"op":"fly","id":11}`, "11", "op must be"},
		{`{"id":12}`, "12", "op must be"},
		{`{"op":"telemetry","id":13}`, "13", "want machine, ts and values"},
	} {
		c.send(tt.message)
		got := c.receive()
		begin := `{"ok":false,"error":{"kind":"invalid",`
		if tt.id != "" {
			begin = `{"id":` + tt.id + `,` + begin[1:]
		}
		if !strings.HasPrefix(got, begin) || !strings.Contains(got, tt.detail) {
			t.Errorf("%s gets %s, want %s… %s", tt.message, got, begin, tt.detail)
		}
	}
	if err := c.WriteMessage(websocket.BinaryMessage, []byte{1}); err != nil {
		t.Fatal(err)
	}
	c.expect(`{"ok":false,"error":{"kind":"invalid","detail":"want JSON in text messages"}}`)
}

func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{
		`{"op":"subscribe","id":1,"rooms":["all"]}`, `{"op":"telemetry","machine":"m","ts":1,"values":{"a":1}}`,
		`{"id":"\u2028"}`, `{"id":1e400}`, `{"id":{}}`, `[]`, "\xff", `{"op":"telemetry","data":[{}]}`, `{"id":-}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if answer := live.Respond(text); answer == nil {
			t.Errorf("%q has a response that is not JSON", text)
		}
	})
}
