package live_test

import (
	"testing"
)

// The data of other processes is untrusted.
func FuzzReceiveFromPeer(f *testing.F) {
	for _, seed := range []string{
		`{"readings":[{"machine":"m","metric":"v","ts":1700000000000,"value":1}]}`, `{"readings":[{"machine":"","ts":-1}]}`,
		`{"id":"1","machine":"m","open":true}`, `{"machine":"m","state":"running"}`, `{}`, `[]`, "\xff", `{"readings":[{"value":1e999}]}`,
	} {
		for _, name := range []string{"telemetry", "state", "alarm", "oee", "other"} {
			f.Add(name, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		h := newHarness(t, nil)
		s := h.newSubscriber()
		s.subscribe("all")
		h.srv.ReceiveFromPeer("all", name, data)
		s.subscribe("alarms", "all")
		h.stop()
	})
}
