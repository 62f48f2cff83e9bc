package cluster_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"golang.org/x/sys/unix"
)

// fewDescriptorsSubprocess serves with few spare file descriptors, and reloads
// on request.
func fewDescriptorsSubprocess([]string) int {
	o := cluster.Options{Handler: faultHandler(nil), Workers: 2, Restart: cluster.Restart{MinUptime: time.Millisecond}}
	return runInSubprocess(o, func(s *cluster.Supervisor, line string) {
		switch line {
		case "limit":
			open, _ := os.ReadDir("/proc/self/fd")
			limit := unix.Rlimit{Cur: uint64(len(open)) + 20, Max: uint64(len(open)) + 20}
			fmt.Println("limited", unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
		case "reload":
			n, err := s.Reload()
			fmt.Println("reloaded", n, err)
		}
	})
}

// TestDescriptorExhaustionEndsNoWorker checks that the process serves existing
// connections and can replace workers while it has no free file descriptor, and
// accepts connections again once it has.
func TestDescriptorExhaustionEndsNoWorker(t *testing.T) {
	t.Parallel()
	c := startSubprocess(t, "few-descriptors")
	var kept []*client
	for range 6 {
		k := &client{addr: c.addr}
		defer k.close()
		wantOK(t, k)
		kept = append(kept, k)
	}
	c.send("limit")
	if line := within(t, "limit", c.lines); line != "limited <nil>" {
		t.Fatalf("lower the limit: %s", line)
	}
	var queued []net.Conn
	for range 60 {
		queued = append(queued, dial(t, c.addr)) // the kernel queues those that the subprocess can't accept
	}
	for n := 1; ; n++ {
		e := waitForEvents[cluster.AcceptDelayed](t, c.events, n)[n-1]
		if e.Err == nil || !strings.Contains(e.Err.Error(), "too many open files") {
			t.Fatalf("AcceptDelayed: %v, want too many open files", e.Err)
		}
		if n >= 4 && e.Worker > 0 && e.Delay > 0 {
			break
		}
	}

	wantOK(t, kept[0])
	for i := range 3 {
		if a, err := kept[1+i].get("/panic"); err != nil || a.status != http.StatusInternalServerError {
			t.Errorf("panic without descriptors: %+v, %v, want 500", a, err)
		}
	}
	waitForEvents[cluster.WorkerRecycled](t, c.events, 1) // it uses the spare duplicate
	c.send("reload")                                      // replaces only some of the workers
	if line := within(t, "reload", c.lines); !strings.HasPrefix(line, "reloaded ") || !strings.HasSuffix(line, " <nil>") {
		t.Errorf("reload without descriptors: %s", line)
	}
	wantOK(t, kept[4])

	for _, conn := range queued {
		_ = conn.Close()
	}
	for range 20 {
		wantOK(t, &client{addr: c.addr, closeEach: true})
	}
	c.send("reload")
	if line := within(t, "reload", c.lines); line != "reloaded 2 <nil>" {
		t.Errorf("reload with descriptors: %s, want both workers", line)
	}
	for _, k := range kept {
		k.close()
	}
	c.stop()
	if failed := eventsOf[cluster.WorkerFailed](c.events); len(failed) > 0 {
		t.Errorf("workers failed without descriptors: %+v", failed)
	}
}
