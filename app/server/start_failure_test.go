package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/testkit/leaktest"
	"smart-factory-backend/app/testkit/porttest"
)

// TestNewRejectsACertificateThatIsGone: the files were there when the
// configuration was checked.
func TestNewRejectsACertificateThatIsGone(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, certFile, keyFile, 1)
	c, err := testSettings(t, "TLS_CERT_FILE="+certFile, "TLS_KEY_FILE="+keyFile).load()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	if _, err := New(c, Options{Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), "TLS certificate") {
		t.Errorf("New = %v, want an error about the TLS certificate", err)
	}
}

// TestFailedStartReleasesEverything: Run returns the cause, and the port, the
// store and all goroutines are released whichever step failed.
func TestFailedStartReleasesEverything(t *testing.T) {
	occupied, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = occupied.Close() }()
	_, occupiedPort, _ := net.SplitHostPort(occupied.Addr().String())
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	denied := fmt.Sprintf("uid %d, gid %d may not write to /sys", os.Geteuid(), os.Getegid())
	for name, tt := range map[string]struct {
		env  []string
		want string
	}{
		"the port is in use":                  {[]string{"PORT=" + occupiedPort}, "port in use"},
		"the data directory is a file":        {[]string{"DATA_DIR=" + file}, file},
		"the admin address is in use":         {[]string{"ADMIN_ADDR=" + occupied.Addr().String()}, "ADMIN_ADDR"},
		"the control socket has no directory": {[]string{"CONTROL_SOCKET=" + filepath.Join(file, "control")}, "control socket"},
		// Nobody can create a directory in /sys, not even root.
		"the data directory is denied":           {[]string{"DATA_DIR=/sys/denied"}, denied},
		"the control directory is denied":        {[]string{"CONTROL_SOCKET=/sys/denied/control.sock"}, denied},
		"the Redis address cannot be understood": {[]string{"REDIS_URL=redis://127.0.0.1:6379/not-a-number"}, "REDIS_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			port := porttest.ForTest(t)
			s := testSettings(t, append([]string{"PORT=" + strconv.Itoa(port)}, tt.env...)...)
			a, _ := newApp(t, s)
			err := a.Run(context.Background())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run = %v, want an error with %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("Run = %v, which shows the password", err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
			if err != nil {
				t.Errorf("the port is not released: %v", err)
			} else {
				_ = l.Close()
			}
			if name, _, _ := strings.Cut(tt.env[0], "="); name != "PORT" && name != "DATA_DIR" {
				correctStart(t, a)
			}
		})
	}
	if left := leaktest.Leaks(timeout); len(left) > 1 { // the test's own parent waits
		t.Errorf("%d goroutines are left:\n%s", len(left), left)
	}
}

// TestStartIsCancelledWhileTheDatabaseIsAway: a start that waits for PostgreSQL
// ends with its context, does not show the password, and releases the port.
func TestStartIsCancelledWhileTheDatabaseIsAway(t *testing.T) {
	port := porttest.ForTest(t)
	a, _ := newApp(t, testSettings(t, "PORT="+strconv.Itoa(port), "DATABASE_URL=postgres://u:secret@127.0.0.1:1/db?sslmode=disable"))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := a.Run(ctx); err == nil || !strings.Contains(err.Error(), "database") || strings.Contains(err.Error(), "secret") {
		t.Errorf("Run = %v, want an error about the database without its password", err)
	}
	correctStart(t, a)
}

// correctStart starts and stops a server on the port and the data directory of
// one that failed to start: the port and the lock of the store are free again.
func correctStart(t *testing.T, failed *App) {
	t.Helper()
	t.Run("and a correct start succeeds", func(t *testing.T) {
		c := failed.config
		s := testSettings(t, "PORT="+strconv.Itoa(c.Port), "DATA_DIR="+c.DataDir)
		launchWith(t, s)
	})
}
