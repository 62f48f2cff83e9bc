package cluster_test

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/cluster"
)

// suspendedSubprocess serves with timeouts shorter than the suspensions. It
// holds requests for /hold until its parent sends a line.
func suspendedSubprocess([]string) int {
	release := make(chan struct{})
	o := cluster.Options{
		ConfigureServer: timeouts(3*time.Second, 3*time.Second), Watchdog: cluster.Watchdog{StallAfter: 5 * time.Second, MaxAbandoned: 1},
		Handler: func(ctx *fasthttp.RequestCtx) {
			if string(ctx.Path()) == "/hold" {
				fmt.Println("holding")
				<-release
			}
			answerOK(ctx)
		},
	}
	return runInSubprocess(o, func(*cluster.Supervisor, string) { close(release) })
}

// TestSuspendedProcessDropsNoClient suspends a process for longer than its
// timeouts, as a paused container or a suspended machine does. Waiting clients
// must be served, and no request may count as stuck.
func TestSuspendedProcessDropsNoClient(t *testing.T) {
	t.Parallel()
	const held = 8
	c := startSubprocess(t, "suspended")
	answered := make(chan error, held)
	for range held {
		go func() {
			c := &client{addr: c.addr, closeEach: true}
			a, err := c.get("/hold")
			answered <- checkStatus(a, err, http.StatusOK)
		}()
		within(t, "held request", c.lines)
	}
	l := startLoad(t, c.addr, "/", 8, 4)
	l.waitForMore(100)
	suspend(t, c, 6*time.Second)
	l.waitForMore(100)
	c.send("release")
	for range held {
		if err := within(t, "response to a held request", answered); err != nil {
			t.Errorf("request in flight during the suspension: %v", err)
		}
	}
	l.waitForMore(100)
	suspend(t, c, 4*time.Second)
	l.waitForMore(100)
	l.stopAndCheck()
	c.stop()
	if abandoned := eventsOf[cluster.WorkerAbandoned](c.events); len(abandoned) > 0 {
		t.Errorf("abandoned after a suspension: %+v", abandoned)
	}
}

// suspend stops the process for a while.
func suspend(t *testing.T, c *subprocess, d time.Duration) {
	t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	over := time.NewTimer(d)
	<-over.C
	if err := c.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}
