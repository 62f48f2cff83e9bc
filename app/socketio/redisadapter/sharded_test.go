package redisadapter

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A Node server leaves nsp out of the packet of a broadcast.
func TestShardedBroadcastOfNode(t *testing.T) {
	t.Parallel()
	m, err := decodeSharded([]byte(`{"type":3,"data":{"packet":{"type":2,"data":["ev",1]},"opts":{"rooms":["r"],"except":[],"flags":{}}},"uid":"0011223344556677","nsp":"/custom"}`))
	if err != nil || m.broadcast == nil {
		t.Fatalf("decodeSharded = %+v, %v", m, err)
	}
	if got := m.broadcast.packet; got.Namespace != "/custom" || string(got.Data) != `["ev",1]` {
		t.Errorf("packet = %+v, want [\"ev\",1] of /custom", got)
	}
}

func TestMalformedShardedMessages(t *testing.T) {
	t.Parallel()
	messages := map[string]string{
		"no options":           `{"type":3,"uid":"u","nsp":"/","data":{"packet":{"type":2,"data":["e"]}}}`,
		"reserved event":       `{"type":3,"uid":"u","nsp":"/","data":{"packet":{"type":2,"data":["disconnect"]},"opts":{}}}`,
		"fetch without id":     `{"type":7,"uid":"u","nsp":"/","data":{"opts":{}}}`,
		"join without opts":    `{"type":4,"uid":"u","nsp":"/","data":{"rooms":["x"]}}`,
		"negative count":       `{"type":11,"uid":"u","nsp":"/","data":{"requestId":"x","clientCount":-1}}`,
		"no data":              `{"type":3,"uid":"u","nsp":"/"}`,
		"long uid":             fmt.Sprintf(`{"type":7,"uid":"%s","nsp":"/","data":{"opts":{},"requestId":"x"}}`, strings.Repeat("u", 1000)),
		"nested deeply":        strings.Repeat(`{"a":`, 20_000),
		"truncated":            `{"type":3`,
		"wrong type of object": `[]`,
	}
	for name, message := range messages {
		if _, err := decodeSharded([]byte(message)); !errors.Is(err, errMalformed) {
			t.Errorf("%s: decodeSharded = %v, want errMalformed", name, err)
		}
	}
}
