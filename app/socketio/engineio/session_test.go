package engineio_test

import (
	"testing"

	"smart-factory-backend/app/socketio/engineio"
)

// With 10 000 idle sessions every field counts.
func TestSessionSize(t *testing.T) {
	t.Parallel()
	const limit = 352
	if engineio.SessionSize > limit {
		t.Errorf("a session takes %d bytes, more than %d", engineio.SessionSize, limit)
	}
}
