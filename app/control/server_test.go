package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"smart-factory-backend/app/control"
)

// backend is a control.Backend made of functions; a missing one panics.
type backend struct {
	status func(context.Context) (control.Status, error)
	reload func(context.Context) (control.ReloadResult, error)
	scale  func(context.Context, int) (control.ScaleResult, error)
}

func (b backend) Status(ctx context.Context) (control.Status, error)       { return b.status(ctx) }
func (b backend) Reload(ctx context.Context) (control.ReloadResult, error) { return b.reload(ctx) }
func (b backend) Scale(ctx context.Context, n int) (control.ScaleResult, error) {
	return b.scale(ctx, n)
}

// testTimeout is longer than anything takes in a test that passes.
const testTimeout = time.Minute

// startServer runs a server at path until the test ends or stop is called.
func startServer(t *testing.T, path string, b control.Backend) (stop func()) {
	t.Helper()
	return runServer(t, control.NewServer(path, b))
}

// runServer runs s until the test ends or stop is called.
func runServer(t *testing.T, s *control.Server) (stop func()) {
	t.Helper()
	s.ErrorLog = log.New(new(bytes.Buffer), "", 0)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func dial(t *testing.T, path string) *control.Client {
	t.Helper()
	c, err := control.Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	c.StatusTimeout = testTimeout
	t.Cleanup(c.Close)
	return c
}

func socketPath(t *testing.T) string { return filepath.Join(t.TempDir(), "control.sock") }

func TestCallsReturnTheBackendsResults(t *testing.T) {
	t.Parallel()
	status := control.Status{
		PID: 7, Version: "1.2.3", State: "running", WorkersWanted: 2, UptimeS: 1.5,
		Workers: []control.Worker{{ID: 1, Generation: 3, State: "running", RequestsTotal: 9}, {ID: 2, AdoptedBy: 1}},
		Store:   control.Store{Engine: "sqlite", Ready: true},
	}
	path := socketPath(t)
	startServer(t, path, backend{
		status: func(context.Context) (control.Status, error) { return status, nil },
		reload: func(context.Context) (control.ReloadResult, error) {
			return control.ReloadResult{Recycled: 2, Changed: []string{"LOG_LEVEL"}}, nil
		},
		scale: func(_ context.Context, n int) (control.ScaleResult, error) {
			return control.ScaleResult{From: 4, To: n, Note: "capped"}, nil
		},
	})
	c := dial(t, path)
	if got, err := c.Status(t.Context()); err != nil || !reflect.DeepEqual(got, status) {
		t.Errorf("Status() = %+v, %v, want %+v", got, err, status)
	}
	wantReload := control.ReloadResult{Recycled: 2, Changed: []string{"LOG_LEVEL"}}
	if got, err := c.Reload(t.Context()); err != nil || !reflect.DeepEqual(got, wantReload) {
		t.Errorf("Reload() = %+v, %v, want %+v", got, err, wantReload)
	}
	if got, err := c.Scale(t.Context(), 3); err != nil || got != (control.ScaleResult{From: 4, To: 3, Note: "capped"}) {
		t.Errorf("Scale(3) = %+v, %v", got, err)
	}
}

func TestStatusJSONMembersAreStable(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(control.Status{Workers: []control.Worker{{AdoptedBy: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"pid":0,"version":"","commit":"","started_at":0,"uptime_s":0,"environment":"","address":"","gomaxprocs":0,` +
		`"cpu_quota":0,"workers_wanted":0,"state":"","workers":[{"id":0,"generation":0,"state":"","uptime_s":0,"restarts":0,` +
		`"panics":0,"connections":0,"in_flight":0,"requests_total":0,"adopted_by":1}],"draining_generations":0,` +
		`"abandoned_generations":0,"websockets":0,"event_streams":0,"store":{"engine":"","series":0,"points":0,"queued":0,"bytes":0,` +
		`"ready":false},"memory":{"rss":0,"heap":0,"limit":0},"log_level":""}`
	if string(text) != want {
		t.Errorf("Status as JSON = %s\nwant %s", text, want)
	}
}

func TestSocketIsAccessibleToItsOwnerOnly(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	stop := startServer(t, path, backend{})
	info, err := os.Stat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("mode of the socket = %v, %v, want %v", info.Mode(), err, fs.ModeSocket|0o600)
	}
	stop()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Run the socket is still there: %v", err)
	}
}

// leaveStaleSocket creates a socket at path without a listener, as a killed
// process leaves it.
func leaveStaleSocket(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestListenReplacesAStaleSocket(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	leaveStaleSocket(t, path)
	startServer(t, path, backend{status: func(context.Context) (control.Status, error) { return control.Status{PID: 7}, nil }})
	if got, err := dial(t, path).Status(t.Context()); err != nil || got.PID != 7 {
		t.Errorf("Status() = %+v, %v, want an answer of the new process", got, err)
	}
}

func TestListenRefusesASocketInUse(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	startServer(t, path, backend{status: func(context.Context) (control.Status, error) { return control.Status{PID: 7}, nil }})
	err := control.NewServer(path, backend{}).Run(t.Context())
	if !errors.Is(err, control.ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Errorf("Run() on a live socket = %v, want %v with the path", err, control.ErrInUse)
	}
	if got, err := dial(t, path).Status(t.Context()); err != nil || got.PID != 7 {
		t.Errorf("Status() = %+v, %v, want an answer of the first process", got, err)
	}
}

// A process in another network namespace that shares the directory doesn't see
// the lock. A listener without a lock stands for it.
func TestListenNamesTheProcessOfAForeignListener(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	err = control.NewServer(path, backend{}).Listen()
	if want := "control socket in use by process "; !errors.Is(err, control.ErrInUse) || !strings.Contains(err.Error(), want) {
		t.Errorf("Listen() = %v, want %q", err, want)
	}
}

func TestOnlyOneOfManyConcurrentServersListens(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	leaveStaleSocket(t, path)
	var wg sync.WaitGroup
	results := make(chan *control.Server, 16)
	for range cap(results) {
		wg.Go(func() {
			s := control.NewServer(path, backend{})
			if err := s.Listen(); err == nil {
				results <- s
			} else if !errors.Is(err, control.ErrInUse) {
				t.Errorf("Listen() = %v, want nil or %v", err, control.ErrInUse)
			}
		})
	}
	wg.Wait()
	close(results)
	if len(results) != 1 {
		t.Errorf("%d of %d servers got the socket, want 1", len(results), cap(results))
	}
	dial(t, path) // the socket is there
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for s := range results {
		if err := s.Run(canceled); err != nil {
			t.Errorf("Run() with a context that has ended = %v, want nil", err)
		}
	}
}

func TestListenRejectsUnusablePaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ path, want string }{
		"an ordinary file": {file, "the file there isn't a socket"},
		"a directory":      {dir, "the file there isn't a socket"},
		"below a file":     {filepath.Join(file, "s"), "not a directory"},
		"too long":         {filepath.Join(dir, strings.Repeat("x", 100)), "the system allows 107"},
	}
	for name, tt := range tests {
		err := control.NewServer(tt.path, backend{}).Listen()
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.path) {
			t.Errorf("%s: Listen() = %v, want %q and the path", name, err, tt.want)
		}
	}
	if text, err := os.ReadFile(file); string(text) != "precious" {
		t.Errorf("the file holds %q, %v after Listen", text, err)
	}
}

func TestRunKeepsASocketThatReplacedItsOwn(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	stop := startServer(t, path, backend{})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	leaveStaleSocket(t, path)
	stop()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the replacement socket: %v", err)
	}
}

func TestRunCancelsCallsAndWaitsForThem(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	started := make(chan struct{})
	returned := false
	server := control.NewServer(path, backend{reload: func(ctx context.Context) (control.ReloadResult, error) {
		close(started)
		<-ctx.Done()
		returned = true // Run waits, so this is no race
		return control.ReloadResult{}, errors.New("ended early")
	}})
	control.SetShutdownGrace(server, testTimeout)
	stop := runServer(t, server)
	c := dial(t, path)
	answer := make(chan error, 1)
	go func() {
		_, err := c.Reload(t.Context())
		answer <- err
	}()
	<-started
	stop()
	if !returned {
		t.Error("Run returned before the Backend")
	}
	if err := <-answer; err == nil || err.Error() != "ended early" {
		t.Errorf("Reload() = %v, want the error of the Backend", err)
	}
	s := control.NewServer(path, backend{})
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(canceled); err != nil {
		t.Errorf("Run() with a context that has ended = %v, want nil", err)
	}
	if err := s.Run(canceled); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("second Run() = %v, want %v", err, http.ErrServerClosed)
	}
}

func TestRunWaitsForASlowBackend(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	started, answered, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	server := control.NewServer(path, backend{reload: func(context.Context) (control.ReloadResult, error) {
		close(started)
		<-answered // after the server has stopped waiting for the response
		select {
		case <-ended:
			t.Error("Run returned before the Backend")
		case <-time.After(100 * time.Millisecond):
		}
		return control.ReloadResult{}, nil
	}})
	control.SetShutdownGrace(server, time.Millisecond)
	stop := runServer(t, server)
	c := dial(t, path)
	go func() {
		<-started
		stop()
		close(ended)
	}()
	if _, err := c.Reload(t.Context()); err == nil {
		t.Error("Reload() = nil, want that the server closed the connection")
	}
	close(answered)
	<-ended
}

func TestPanicAffectsOnlyItsCall(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	startServer(t, path, backend{status: func(context.Context) (control.Status, error) { return control.Status{PID: 7}, nil }})
	c := dial(t, path)
	if _, err := c.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "closed the connection without a response") {
		t.Errorf("Reload() of a Backend that panics = %v, want that the connection was closed", err)
	}
	if got, err := c.Status(t.Context()); err != nil || got.PID != 7 {
		t.Errorf("Status() afterwards = %+v, %v, want an answer", got, err)
	}
}

func TestConcurrentClients(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	startServer(t, path, backend{
		status: func(context.Context) (control.Status, error) { return control.Status{PID: 7}, nil },
		scale: func(_ context.Context, n int) (control.ScaleResult, error) {
			return control.ScaleResult{To: n}, nil
		},
	})
	var wg sync.WaitGroup
	for n := range 32 {
		c := dial(t, path)
		wg.Go(func() {
			if got, err := c.Scale(t.Context(), n); err != nil || got.To != n {
				t.Errorf("Scale(%d) = %+v, %v", n, got, err)
			}
			if got, err := c.Status(t.Context()); err != nil || got.PID != 7 {
				t.Errorf("Status() = %+v, %v", got, err)
			}
		})
	}
	wg.Wait()
}

func TestIdleClientBlocksNeitherOthersNorShutdown(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	stop := startServer(t, path, backend{status: func(context.Context) (control.Status, error) { return control.Status{}, nil }})
	idle, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = idle.Close() }()
	if _, err := dial(t, path).Status(t.Context()); err != nil {
		t.Errorf("Status() beside a idle client = %v", err)
	}
	stop()
	_ = idle.SetReadDeadline(time.Now().Add(testTimeout))
	if _, err := idle.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the idle client's connection after the end: %v, want it closed", err)
	}
}

func TestSocketModeIgnoresTheUmask(t *testing.T) { // not parallel: the umask is the process's
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := socketPath(t)
	startServer(t, path, backend{})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the socket under umask 0 = %v, %v, want 0600", info.Mode(), err)
	}
}
