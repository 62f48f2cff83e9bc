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

// pausedChild serves with timeouts that are shorter than the pauses. It holds
// requests for /hold until its parent speaks.
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

// TestPauseLosesNobody: a process that stood still for longer than its
// timeouts (a paused container, a suspended machine) serves who waited, and
// does not take itself for stuck.
func TestSuspendedProcessDropsNoClient(t *testing.T) {
	t.Parallel()
	const held = 8
	c := startSubprocess(t, "paused")
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
		if err := within(t, "answer to a held request", answered); err != nil {
			t.Errorf("request in flight during the pause: %v", err)
		}
	}
	l.waitForMore(100)
	suspend(t, c, 4*time.Second)
	l.waitForMore(100)
	l.stopAndCheck()
	c.stop()
	if abandoned := eventsOf[cluster.WorkerAbandoned](c.events); len(abandoned) > 0 {
		t.Errorf("the pause was taken for a fault: %+v", abandoned)
	}
}

// pause has the child's process stand still for a while.
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
