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

// cpu returns the CPU time that the server took so far, in all threads of its
// process and of that one's children (nginx has its workers there).
func (c *child) cpu() (time.Duration, error) {
	self := c.cmd.Process.Pid
	sum, err := cpuOf(self)
	if err != nil {
		return 0, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		raw, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "stat"))
		if err != nil {
			continue // gone meanwhile
		}
		parent, err := parentOf(raw)
		if err != nil {
			return 0, err
		}
		if parent != self {
			continue
		}
		used, err := cpuOf(pid)
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// cpuOf reads the CPU clock of a process, which counts nanoseconds where
// /proc/PID/stat has hundredths of a second. Its number is made as
// clock_getcpuclockid(3) does it.
func cpuOf(pid int) (time.Duration, error) {
	const scheduled = 2 // user and system time
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|scheduled, &used); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(used.Nano()), nil
}

// parentOf takes the parent's id out of /proc/PID/stat, see proc_pid_stat(5).
func parentOf(stat []byte) (int, error) {
	// The second field is the name in parentheses, which may hold anything.
	at := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[at+1:])
	if at < 0 || len(fields) < 2 {
		return 0, errors.New("unexpected form of /proc/PID/stat")
	}
	return strconv.Atoi(string(fields[1]))
}
