package engineio_test

import (
	"testing"

	"smart-factory-backend/app/socketio/engineio"
)

// An idle session takes little beside the facts of its handshake: at 10 000 of
// them, every field counts.
func TestSessionIsSmall(t *testing.T) {
	t.Parallel()
	const limit = 320
	if engineio.SessionSize > limit {
		t.Errorf("a session takes %d bytes, more than %d", engineio.SessionSize, limit)
	}
}
