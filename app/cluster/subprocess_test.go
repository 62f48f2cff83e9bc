package cluster_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

// child is a child program in the eyes of a test. It ends when its standard
// input does.
type subprocess struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr *bytes.Buffer
	events *eventRecorder
	addr   string      // where it listens
	lines  chan string // what it says beside addresses and events
	ended  chan struct{}
	err    error // once ended is closed
}

// startChild runs one of children and waits until it listens. The child is
// ended with the test, if the test has not done so.
func startSubprocess(t testing.TB, program string) *subprocess {
	t.Helper()
	c := &subprocess{
		t: t, cmd: exec.Command(os.Args[0]), stderr: new(bytes.Buffer), events: newEventRecorder(),
		lines: make(chan string, 100), ended: make(chan struct{}),
	}
	c.cmd.Env = append(os.Environ(), subprocessEnv+"="+program, "GORACE=atexit_sleep_ms=0")
	c.cmd.Stderr = c.stderr
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listens := make(chan struct{})
	go c.readOutput(stdout, listens) // ended by the child's end, which stop awaits
	t.Cleanup(func() {
		_ = c.stdin.Close()
		kill := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
		defer kill.Stop()
		<-c.ended
	})
	within(t, "address of child "+program, listens)
	return c
}

// listen reads what the child says until it ends.
func (c *subprocess) readOutput(stdout io.Reader, listens chan<- struct{}) {
	defer close(c.ended)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		what, rest, _ := strings.Cut(lines.Text(), " ")
		switch what {
		case "addr":
			c.addr = rest
			listens <- struct{}{}
		case "event":
			var said wireEvent
			if err := json.Unmarshal([]byte(rest), &said); err != nil {
				c.t.Errorf("event %q: %v", rest, err)
			}
			c.events.add(said.event())
		default:
			c.lines <- lines.Text()
		}
	}
	c.err = c.cmd.Wait()
}

// say sends the child a line.
func (c *subprocess) send(line string) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.stdin, line); err != nil {
		c.t.Fatalf("say %q to the child: %v", line, err)
	}
}

// stop has the child end in good order.
func (c *subprocess) stop() {
	c.t.Helper()
	_ = c.stdin.Close()
	if err := c.wait(); err != nil {
		c.t.Fatalf("the child ended with %v, want exit status 0\n%s", err, c.stderr)
	}
}

// wait waits until the child has ended by itself.
func (c *subprocess) wait() error {
	c.t.Helper()
	within(c.t, "end of the child", c.ended)
	return c.err
}

// saidEvent is an event on its way through a pipe.
type wireEvent struct {
	Kind                             cluster.Kind
	Worker, Generation, Count, Limit int
	Reason, Err, Value, Stack        string
	Delay                            time.Duration
}

func (s wireEvent) event() cluster.Event {
	e := cluster.Event{
		Kind: s.Kind, Worker: s.Worker, Generation: s.Generation, Count: s.Count, Limit: s.Limit,
		Reason: s.Reason, Stack: []byte(s.Stack), Delay: s.Delay,
	}
	if s.Value != "" {
		e.Value = s.Value
	}
	if s.Err != "" {
		e.Err = errors.New(s.Err)
	}
	return e
}

// tellEvents returns a hook that writes events to the parent.
func printEvents() func(cluster.Event) {
	var mu sync.Mutex
	return func(e cluster.Event) {
		said := wireEvent{
			Kind: e.Kind, Worker: e.Worker, Generation: e.Generation, Count: e.Count, Limit: e.Limit,
			Reason: e.Reason, Stack: string(e.Stack), Delay: e.Delay,
		}
		if e.Value != nil {
			said.Value = fmt.Sprint(e.Value)
		}
		if e.Err != nil {
			said.Err = e.Err.Error()
		}
		line, _ := json.Marshal(said)
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf("event %s\n", line)
	}
}

// untilParentLeaves runs a Supervisor in a child until the parent closes the
// pipe; command, if given, gets what the parent says before.
func runInSubprocess(o cluster.Options, command func(s *cluster.Supervisor, line string)) int {
	o.Host, o.Observe = "127.0.0.1", printEvents()
	o.GateDelay, o.IdleGrace = 10*time.Millisecond, 10*time.Millisecond
	sup, err := cluster.New(o)
	if err == nil {
		err = sup.Listen(context.Background())
	}
	if err != nil {
		return subprocessFailed(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends with the process
		<-sup.Ready()
		fmt.Println("addr", sup.Addr())
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			command(sup, lines.Text())
		}
		cancel()
	}()
	if err := sup.Run(ctx); err != nil {
		return subprocessFailed(err)
	}
	return 0
}

func subprocessFailed(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// bareUntilParentLeaves is untilParentLeaves with fasthttp alone.
func runPlainServer(s *fasthttp.Server) int {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return subprocessFailed(err)
	}
	go func() { // ends with the process
		fmt.Println("addr", ln.Addr())
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return subprocessFailed(s.Serve(ln))
}
