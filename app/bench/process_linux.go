package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// readyTimeout limits the time from the start to the first response.
	readyTimeout = 20 * time.Second
	// stopTimeout limits the time from SIGTERM to the exit.
	stopTimeout = 30 * time.Second
)

// process is a running server. The caller of startProcess stops it.
type process struct {
	cmd     *exec.Cmd
	address netip.AddrPort
	log     string
	started time.Time
	// exited is closed when the process has ended; err may be read then.
	exited chan struct{}
	err    error
}

// startProcess starts cmd, a server on address, and writes its output to a file
// in dir. The process has its own process group, so that Ctrl-C does not reach it:
// it is stopped by us, after its load.
func startProcess(cmd *exec.Cmd, address netip.AddrPort, dir string) (*process, error) {
	c := &process{cmd: cmd, address: address, log: filepath.Join(dir, "output.log"), exited: make(chan struct{})}
	out, err := os.Create(c.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Setpgid = true
	c.started = time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process; stop waits for it
		c.err = cmd.Wait()
		close(c.exited)
	}()
	return c, nil
}

// stop sends SIGTERM and waits for the exit. After stopTimeout it kills the
// process and returns an error. A second stop does nothing.
func (c *process) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-c.exited:
		return nil
	case <-timer.C:
	}
	_ = c.cmd.Process.Kill()
	<-c.exited
	return fmt.Errorf("%s did not exit within %v of SIGTERM", c.cmd.Path, stopTimeout)
}

// waitReady sends request until the server responds with 200, and returns the
// body.
func (c *process) waitReady(ctx context.Context, request []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		body, err := get(ctx, c.address, request)
		if err == nil {
			return body, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s is not ready: %w: %w", c.cmd.Path, err, context.Cause(ctx))
		case <-c.exited:
			text, _ := os.ReadFile(c.log)
			return nil, fmt.Errorf("%s exited (%w) with output: %s", c.cmd.Path, c.err, bytes.TrimSpace(text))
		case <-time.After(200 * time.Microsecond):
		}
	}
}

// get sends one request and returns the body of a 200.
func get(ctx context.Context, address netip.AddrPort, request []byte) ([]byte, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := conn.Write(request); err != nil {
		return nil, err
	}
	var raw []byte
	part := make([]byte, 4096)
	for {
		n, err := conn.Read(part)
		raw = append(raw, part[:n]...)
		got, whole, bad := parseResponse(raw)
		switch {
		case bad != nil:
			return nil, bad
		case whole && got.status == 200:
			return got.body, nil
		case whole:
			return nil, fmt.Errorf("status %d: %s", got.status, got.body)
		case err != nil:
			return nil, err
		}
	}
}
