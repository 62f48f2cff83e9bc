package main

import (
	"testing"
	"time"
)

func TestStatCPUTime(t *testing.T) {
	t.Parallel()
	stat := []byte("42 (a ) b) S 1 42 42 0 -1 4194304 100 0 0 0 7 3 20 5 20 0 1 0 12345")
	if alone, all := statCPUTime(stat, false), statCPUTime(stat, true); alone != 100*time.Millisecond || all != 350*time.Millisecond {
		t.Errorf("statTime() = %v, with ended children %v; want 100 ms, 350 ms", alone, all)
	}
}
