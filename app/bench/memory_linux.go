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

// memory is what the server's processes take, in bytes.
type memory struct{ rss, pss float64 }

// memory reads what the server takes at this moment.
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

// kilobytes finds a field of /proc/PID/smaps_rollup, see proc_pid_smaps(5); -1
// if it is not there.
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

// heapTime is how long a server may take to tell its heap.
const heapTimeout = 5 * time.Second

// heap asks the server's processes for the bytes that are live in their heaps:
// by SIGUSR2, at which each collects its garbage and prints "heap N". It is -1
// of a server that does not know this; the signal does nothing to it.
func (c *process) liveHeap() (float64, error) {
	before, err := os.ReadFile(c.log)
	if err != nil {
		return 0, err
	}
	asked := 0
	err = c.forEachProcess(func(pid int) error {
		asked++
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
		sum, told := sumHeaps(raw[len(before):])
		if told == asked {
			return sum, nil
		}
	}
	return -1, nil
}

// heaps adds up what processes told, and counts them.
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

// raiseDescriptors lets this process and its children have as many descriptors
// as they may, and returns how many that are. It tries for more if these are
// fewer than wanted, which root is allowed.
func raiseDescriptorLimit(wanted uint64) (uint64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	if limit.Max < wanted {
		raised := syscall.Rlimit{Cur: wanted, Max: wanted}
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil {
			return wanted, nil
		}
	}
	limit.Cur = limit.Max
	// Also where nothing changes: without this call, a child gets the limit
	// back that we were started with.
	return limit.Cur, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
