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
	// readyTime is how long a server may take to answer after it was started.
	readyTimeout = 20 * time.Second
	// stopTime is how long a server may take to end by SIGTERM.
	stopTimeout = 30 * time.Second
)

// child is a server that runs. Whoever started it stops it.
type process struct {
	cmd     *exec.Cmd
	address netip.AddrPort
	log     string
	started time.Time
	// ended is closed when the process is gone; err may be read then.
	exited chan struct{}
	err    error
}

// spawn starts cmd, which shall listen on address, and keeps what it prints in
// a file in dir. The process is not in our group: Ctrl-C reaches it as a stop
// by us, after its load has ended.
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
	go func() { // ends with the process, which stop awaits
		c.err = cmd.Wait()
		close(c.exited)
	}()
	return c, nil
}

// stop ends the process and waits for that; it tells if it did not end in
// order. A second stop does nothing.
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
	return fmt.Errorf("%s did not end by SIGTERM within %v", c.cmd.Path, stopTimeout)
}

// ready waits until the server answers 200 and returns that answer's body.
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
			return nil, fmt.Errorf("%s ended (%w) and said: %s", c.cmd.Path, c.err, bytes.TrimSpace(text))
		case <-time.After(200 * time.Microsecond):
		}
	}
}

// ask sends one request and returns the body of a 200.
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
