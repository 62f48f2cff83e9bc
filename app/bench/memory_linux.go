package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// memory is the memory of a server's processes in bytes.
type memory struct{ rss, pss float64 }

// memory returns the server's current memory.
func (c *process) memory() (memory, error) {
	var sum memory
	err := c.forEachProcess(func(pid int) error {
		raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "smaps_rollup"))
		if err != nil {
			return err
		}
		rss, pss := kilobytes(raw, "Rss:"), kilobytes(raw, "Pss:")
		if rss <= 0 || pss <= 0 {
			return errors.New("unexpected form of /proc/PID/smaps_rollup")
		}
		sum.rss += rss * 1024
		sum.pss += pss * 1024
		return nil
	})
	return sum, err
}

// kilobytes returns a field of /proc/PID/smaps_rollup, see proc_pid_smaps(5); -1
// if there is none.
func kilobytes(raw []byte, name string) float64 {
	for line := range bytes.Lines(raw) {
		fields := bytes.Fields(line)
		if len(fields) != 3 || string(fields[0]) != name {
			continue
		}
		if n, err := strconv.ParseFloat(string(fields[1]), 64); err == nil {
			return n
		}
	}
	return -1
}

// heapTimeout limits how long a server may take to print its heap size.
const heapTimeout = 5 * time.Second

// liveHeap returns the bytes that are live in the heaps of the server's processes.
// On SIGUSR2 each process collects garbage and prints "heap N". The result is -1
// for a server that does not support this and ignores the signal.
func (c *process) liveHeap() (float64, error) {
	before, err := os.ReadFile(c.log)
	if err != nil {
		return 0, err
	}
	signalled := 0
	err = c.forEachProcess(func(pid int) error {
		signalled++
		return syscall.Kill(pid, syscall.SIGUSR2)
	})
	if err != nil {
		return 0, err
	}
	for end := time.Now().Add(heapTimeout); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
		raw, err := os.ReadFile(c.log)
		if err != nil {
			return 0, err
		}
		sum, n := sumHeaps(raw[len(before):])
		if n == signalled {
			return sum, nil
		}
	}
	return -1, nil
}

// sumHeaps sums the sizes that processes printed, and counts them.
func sumHeaps(text []byte) (sum float64, n int) {
	for line := range bytes.Lines(text) {
		number, found := strings.CutPrefix(string(line), "heap ")
		number, whole := strings.CutSuffix(number, "\n")
		if v, err := strconv.ParseFloat(number, 64); err == nil && found && whole {
			sum += v
			n++
		}
	}
	return sum, n
}
