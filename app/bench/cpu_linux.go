package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime returns the CPU time that the server's processes have used so far.
func (c *process) cpuTime() (time.Duration, error) {
	sum := time.Duration(0)
	err := c.forEachProcess(func(pid int) error {
		used, err := processCPUTime(pid)
		sum += used
		return err
	})
	return sum, err
}

// forEachProcess calls f for the server's process and for its children, such as
// nginx's workers.
func (c *process) forEachProcess(f func(pid int) error) error {
	self := c.cmd.Process.Pid
	if err := f(self); err != nil {
		return err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		raw, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "stat"))
		if err != nil {
			continue // exited in the meantime
		}
		parent, err := parentPID(raw)
		if err != nil {
			return err
		}
		if parent != self {
			continue
		}
		if err := f(pid); err != nil {
			return err
		}
	}
	return nil
}

// processCPUTime reads the CPU clock of a process, in nanoseconds; /proc/PID/stat
// has hundredths of a second only. The clock's number is computed as by
// clock_getcpuclockid(3).
func processCPUTime(pid int) (time.Duration, error) {
	const scheduled = 2 // user and system time
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|scheduled, &used); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(used.Nano()), nil
}

// parentPID returns the parent's id from /proc/PID/stat, see proc_pid_stat(5).
func parentPID(stat []byte) (int, error) {
	// The second field is the name in parentheses, which may contain anything.
	at := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[at+1:])
	if at < 0 || len(fields) < 2 {
		return 0, errors.New("unexpected form of /proc/PID/stat")
	}
	return strconv.Atoi(string(fields[1]))
}
