package leaktest_test

import (
	"bytes"
	"testing"
	"time"

	"smart-factory-backend/app/testkit/leaktest"
)

// Leaks returns the stack of a goroutine that does not end, and waits for one that
// is about to end. The test is not parallel, since Leaks inspects the whole
// process.
func TestLeaksFindsBlockedGoroutine(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	go blockUntil(started, release)
	<-started // its stack includes its name from now on
	leaks := leaktest.Leaks(20 * time.Millisecond)
	if len(leaks) != 1 || !bytes.Contains(leaks[0], []byte("leaktest_test.blockUntil")) {
		t.Errorf("Leaks() = %q, want the blocked goroutine", leaks)
	}
	close(release)
	if leaks := leaktest.Leaks(time.Minute); len(leaks) != 0 {
		t.Errorf("Leaks() = %q after its end, want none", leaks)
	}
}

func blockUntil(started chan<- struct{}, release <-chan struct{}) {
	close(started)
	<-release
}
