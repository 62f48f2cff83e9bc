package server

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// notifySocket makes the socket that systemd would listen on, and names it in
// the environment.
func notifySocket(t *testing.T) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(timeout))
	t.Setenv("NOTIFY_SOCKET", path)
	return conn
}

// notification reads the next message to systemd.
func notification(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	buf := make([]byte, 256)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func TestSystemdIsNotifiedOfStartAndReload(t *testing.T) {
	conn := notifySocket(t)
	a, _ := launch(t)
	if got := notification(t, conn); got != "READY=1" {
		t.Errorf("after the start systemd gets %q, want READY=1", got)
	}
	a.Reload(t.Context())
	if got := notification(t, conn); !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") {
		t.Errorf("at a reload systemd gets %q, want RELOADING=1 with a time", got)
	}
	if got := notification(t, conn); got != "READY=1" {
		t.Errorf("after a reload systemd gets %q, want READY=1", got)
	}
}

func TestWatchdogIsFedWhileAlive(t *testing.T) {
	conn := notifySocket(t)
	t.Setenv("WATCHDOG_USEC", "30000")
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	answers := make(chan bool)
	go func() {
		defer close(ended)
		_ = feedWatchdog(ctx, slog.New(slog.DiscardHandler), func() bool { return <-answers })
	}()
	for range 2 {
		answers <- true
		if got := notification(t, conn); got != "WATCHDOG=1" {
			t.Errorf("systemd gets %q, want WATCHDOG=1", got)
		}
	}
	answers <- false
	answers <- true // one notification for two answers
	if got := notification(t, conn); got != "WATCHDOG=1" {
		t.Errorf("systemd gets %q, want WATCHDOG=1", got)
	}
	stop()
	close(answers)
	<-ended
}
