// Package ingesttest checks what decoders put into a batch.
package ingesttest

import (
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest"
)

// Now is the receiver's clock in tests of decoders, in Unix milliseconds.
const Now = int64(1_700_000_000_000)

// CheckBatch fails the test unless the batch, which was made with the clock Now,
// holds valid readings with a place each and no more points than it may.
func CheckBatch(t *testing.T, b *ingest.Batch) {
	t.Helper()
	if n := len(b.Readings) + b.Rejected; n > b.MaxPoints() {
		t.Fatalf("the batch has %d points, want at most %d", n, b.MaxPoints())
	}
	if len(b.Errors) > b.Rejected {
		t.Fatalf("the batch lists %d errors and counts %d", len(b.Errors), b.Rejected)
	}
	for i, r := range b.Readings {
		if err := factory.ValidateReading(r, Now); err != nil {
			t.Fatalf("reading %d: %v", i, err)
		}
		if b.Pointer(i) == "" {
			t.Fatalf("reading %d has no place", i)
		}
	}
}
