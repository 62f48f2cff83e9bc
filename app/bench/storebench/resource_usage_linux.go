package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is what this process and, unless server is 0, that of
// PostgreSQL with all of its children have used.
func cpuTime(server int) (time.Duration, error) {
	var own unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &own); err != nil {
		return 0, err
	}
	sum := time.Duration(own.Utime.Nano() + own.Stime.Nano())
	if server == 0 {
		return sum, nil
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", server, server))
	if err != nil {
		return 0, err
	}
	for _, pid := range append(strings.Fields(string(children)), strconv.Itoa(server)) {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			continue // a session that has ended meanwhile counts with its parent
		}
		sum += statCPUTime(stat, pid == strconv.Itoa(server))
	}
	return sum, nil
}

// statTime takes the processor time of a process out of /proc/PID/stat, and
// that of its children which have ended, if wanted; see proc_pid_stat(5).
func statCPUTime(stat []byte, ended bool) (sum time.Duration) {
	const tick = 10 * time.Millisecond // USER_HZ is 100 wherever Go runs
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	last := 12
	if ended {
		last = 14
	}
	for i := 11; i <= last && i < len(fields); i++ {
		n, _ := strconv.ParseInt(string(fields[i]), 10, 64)
		sum += time.Duration(n) * tick
	}
	return sum
}

// memory is what this process takes now and took at most, in bytes.
func memory() (now, most float64, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(status)) {
		name, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if len(fields) != 2 || fields[1] != "kB" {
			continue
		}
		n, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			return 0, 0, err
		}
		switch name {
		case "VmRSS":
			now = n * 1024
		case "VmHWM":
			most = n * 1024
		}
	}
	return now, most, nil
}

// startProfile writes a CPU profile until end is called.
func startProfile(path string) (end func() error, err error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		_ = file.Close()
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}

// meter measures a stretch of work.
type meter struct {
	server int
	began  time.Time
	used   time.Duration
}

func startMeter(server int) (m meter, err error) {
	m = meter{server: server}
	m.used, err = cpuTime(server)
	m.began = time.Now()
	return m, err
}

// read returns the time and the processor time since the start.
func (m *meter) read() (elapsed, used time.Duration, err error) {
	elapsed = time.Since(m.began)
	now, err := cpuTime(m.server)
	return elapsed, now - m.used, err
}
