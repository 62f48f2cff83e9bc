package redisadapter

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestRedactHandshake(t *testing.T) {
	t.Parallel()
	got := redactHandshake(json.RawMessage(`{"headers":{"authorization":"Bearer s3cret","Cookie":["s3cret"],"X-API-Key":"s3cret","host":"h"},` +
		`"time":"t","url":"/socket.io/?EIO=4","query":{"EIO":"4"},"auth":{"token":"s3cret"}}`))
	if want := `{"auth":{},"headers":{"host":"h"},"query":{"EIO":"4"},"time":"t","url":"/socket.io/?EIO=4"}`; string(got) != want {
		t.Errorf("redactHandshake = %s, want %s", got, want)
	}
	for _, odd := range []string{``, `null`, `[]`, `"s3cret"`, `{"headers":"s3cret"}`, `{"headers":["s3cret"],"auth":"s3cret"}`, `{"auth":"s3cret"}`} {
		if got := redactHandshake(json.RawMessage(odd)); strings.Contains(string(got), "s3cret") || !json.Valid(got) {
			t.Errorf("redactHandshake(%s) = %s", odd, got)
		}
	}
}
