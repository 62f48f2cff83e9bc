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

// cpuTime returns the CPU time of this process and, unless server is 0, of the
// PostgreSQL server with that PID and all of its children.
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
			continue // a session that has ended counts with its parent
		}
		sum += statCPUTime(stat, pid == strconv.Itoa(server))
	}
	return sum, nil
}

// statCPUTime returns the CPU time of a process from /proc/PID/stat, see
// proc_pid_stat(5). With ended, it includes the children that have exited.
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

// memory returns the current and the peak resident memory of this process in
// bytes.
func memory() (now, peak float64, err error) {
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
			peak = n * 1024
		}
	}
	return now, peak, nil
}

// startProfile writes a CPU profile to path until end is called.
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

// meter measures elapsed time and CPU time.
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

// read returns the elapsed time and the CPU time since the start.
func (m *meter) read() (elapsed, used time.Duration, err error) {
	elapsed = time.Since(m.began)
	now, err := cpuTime(m.server)
	return elapsed, now - m.used, err
}
