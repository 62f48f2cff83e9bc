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

// descriptorsChild serves with few file descriptors to spare, and reloads when
// it is told to.
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

// TestOutOfDescriptors: no worker ends, and workers are replaced, while the
// process can't accept; who is connected is served meanwhile, and everybody
// is when there are descriptors again.
func TestDescriptorExhaustionEndsNoWorker(t *testing.T) {
	t.Parallel()
	c := startSubprocess(t, "descriptors")
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
	var crowd []net.Conn
	for range 60 {
		crowd = append(crowd, dial(t, c.addr)) // the kernel takes those that the child can't
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
	waitForEvents[cluster.WorkerRecycled](t, c.events, 1) // there is a spare for it
	c.send("reload")                                      // replaces as many workers as there are descriptors for
	if line := within(t, "reload", c.lines); !strings.HasPrefix(line, "reloaded ") || !strings.HasSuffix(line, " <nil>") {
		t.Errorf("reload without descriptors: %s", line)
	}
	wantOK(t, kept[4])

	for _, conn := range crowd {
		_ = conn.Close()
	}
	for range 20 {
		wantOK(t, &client{addr: c.addr, closeEach: true})
	}
	c.send("reload")
	if line := within(t, "reload", c.lines); line != "reloaded 2 <nil>" {
		t.Errorf("reload in the end: %s, want both workers", line)
	}
	for _, k := range kept {
		k.close()
	}
	c.stop()
	if failed := eventsOf[cluster.WorkerFailed](c.events); len(failed) > 0 {
		t.Errorf("workers failed for want of descriptors: %+v", failed)
	}
}
