package redisadapter

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestMain fails on goroutines that the tests have left behind.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leftGoroutines(10 * time.Second); code == 0 && len(left) > 0 {
		fmt.Fprintf(os.Stderr, "goroutines are left behind:\n\n%s\n", bytes.Join(left, []byte("\n\n")))
		code = 1
	}
	os.Exit(code)
}

// leftGoroutines waits until none of ours or of the Redis client is left, and
// returns those that are after the given time.
func leftGoroutines(patience time.Duration) [][]byte {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		all := make([]byte, 4<<20)
		all = all[:runtime.Stack(all, true)]
		var left [][]byte
		for _, stack := range bytes.Split(all, []byte("\n\n"))[1:] {
			if bytes.Contains(stack, []byte("redisadapter.")) || bytes.Contains(stack, []byte("rueidis.")) {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}
