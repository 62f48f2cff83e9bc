package leaktest_test

import (
	"bytes"
	"testing"
	"time"

	"smart-factory-backend/app/leaktest"
)

// TestLeft: a goroutine that stays is found by its stack, and one that is about
// to end is waited for. It looks at the whole process, so nothing runs beside it.
func TestLeft(t *testing.T) {
	release := make(chan struct{})
	go stay(release)
	left := leaktest.Left(20 * time.Millisecond)
	if len(left) != 1 || !bytes.Contains(left[0], []byte("leaktest_test.stay")) {
		t.Errorf("Left() = %q, want the goroutine that stays", left)
	}
	close(release)
	if left := leaktest.Left(10 * time.Second); len(left) != 0 {
		t.Errorf("Left() = %q after its end, want none", left)
	}
}

func stay(release <-chan struct{}) { <-release }
