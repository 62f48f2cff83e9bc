package main

import (
	"os"
	"os/exec"
	"testing"
)

// currentProcess returns the test's own process.
func currentProcess(t *testing.T) *process {
	t.Helper()
	found, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return &process{cmd: &exec.Cmd{Process: found}}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	got, err := currentProcess(t).memory()
	if err != nil || got.pss < 1<<20 || got.rss < got.pss {
		t.Errorf("memory() = %+v, %v; want more than a MiB", got, err)
	}
}

func TestKilobytes(t *testing.T) {
	t.Parallel()
	const rollup = "55d0-7ffe ---p 00000000 00:00 0   [rollup]\nRss:    8124 kB\nPss:    1024 kB\nPss_Anon:    3 kB\nShared: x kB\n"
	for name, want := range map[string]float64{"Rss:": 8124, "Pss:": 1024, "Shared:": -1, "Swap:": -1} {
		if got := kilobytes([]byte(rollup), name); got != want {
			t.Errorf("kilobytes(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestSumHeaps(t *testing.T) {
	t.Parallel()
	if sum, n := sumHeaps([]byte("listening\nheap 100\nheap 50\nheap\nheap 7")); sum != 150 || n != 2 {
		t.Errorf("heaps() = %v, %d, want 150 of 2 processes; the last line is incomplete", sum, n)
	}
}

func TestRaiseDescriptorLimit(t *testing.T) {
	t.Parallel()
	if got, err := raiseDescriptorLimit(1); err != nil || got < 1 {
		t.Errorf("raiseDescriptors() = %d, %v", got, err)
	}
}
