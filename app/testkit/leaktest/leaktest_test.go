package leaktest_test

import (
	"bytes"
	"testing"
	"time"

	"smart-factory-backend/app/testkit/leaktest"
)

// TestLeft: a goroutine that stays is found by its stack, and one that is about
// to end is waited for. It looks at the whole process, so nothing runs beside it.
func TestLeaksFindsBlockedGoroutine(t *testing.T) {
	here, release := make(chan struct{}), make(chan struct{})
	go blockUntil(here, release)
	<-here // before, its stack need not have its name
	left := leaktest.Leaks(20 * time.Millisecond)
	if len(left) != 1 || !bytes.Contains(left[0], []byte("leaktest_test.stay")) {
		t.Errorf("Left() = %q, want the goroutine that stays", left)
	}
	close(release)
	if left := leaktest.Leaks(time.Minute); len(left) != 0 {
		t.Errorf("Left() = %q after its end, want none", left)
	}
}

func blockUntil(here chan<- struct{}, release <-chan struct{}) {
	close(here)
	<-release
}
