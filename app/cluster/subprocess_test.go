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

// subprocess is the test binary running one of the programs in subprocesses.
// It ends when its standard input is closed.
type subprocess struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr *bytes.Buffer
	events *eventRecorder
	addr   string      // that it listens on
	lines  chan string // of its output, without addresses and events
	ended  chan struct{}
	err    error // once ended is closed
}

// startSubprocess starts a program and waits until it listens. The program is
// stopped when the test ends.
func startSubprocess(t testing.TB, program string) *subprocess {
	t.Helper()
	p := &subprocess{
		t: t, cmd: exec.Command(os.Args[0]), stderr: new(bytes.Buffer), events: newEventRecorder(),
		lines: make(chan string, 100), ended: make(chan struct{}),
	}
	p.cmd.Env = append(os.Environ(), subprocessEnv+"="+program, "GORACE=atexit_sleep_ms=0")
	p.cmd.Stderr = p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listening := make(chan struct{})
	go p.readOutput(stdout, listening) // ends with the subprocess, which the cleanup awaits
	t.Cleanup(func() {
		_ = p.stdin.Close()
		kill := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
		defer kill.Stop()
		<-p.ended
	})
	within(t, "address of subprocess "+program, listening)
	return p
}

// readOutput reads the output until the subprocess ends.
func (p *subprocess) readOutput(stdout io.Reader, listening chan<- struct{}) {
	defer close(p.ended)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		kind, rest, _ := strings.Cut(lines.Text(), " ")
		switch kind {
		case "addr":
			p.addr = rest
			listening <- struct{}{}
		case "event":
			e, err := parseEvent(rest)
			if err != nil {
				p.t.Errorf("event %q: %v", rest, err)
			}
			p.events.add(e)
		default:
			p.lines <- lines.Text()
		}
	}
	p.err = p.cmd.Wait()
}

// send writes a line to the subprocess.
func (p *subprocess) send(line string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.stdin, line); err != nil {
		p.t.Fatalf("send %q to the subprocess: %v", line, err)
	}
}

// stop shuts the subprocess down and wants exit status 0.
func (p *subprocess) stop() {
	p.t.Helper()
	_ = p.stdin.Close()
	if err := p.wait(); err != nil {
		p.t.Fatalf("the subprocess ended with %v, want exit status 0\n%s", err, p.stderr)
	}
}

// wait waits until the subprocess has ended.
func (p *subprocess) wait() error {
	p.t.Helper()
	within(p.t, "end of the subprocess", p.ended)
	return p.err
}

// encodedEvent carries an event through a pipe, with its error as text.
type encodedEvent struct {
	Message string
	Fields  json.RawMessage
	Err     string
}

// printEvents returns an observer that writes to the parent those events that
// a test looks for.
func printEvents() func(cluster.Event) {
	var mu sync.Mutex
	return func(e cluster.Event) {
		encoded := encodedEvent{Message: cluster.Message(e)}
		switch typed := e.(type) {
		case cluster.PanicContained, cluster.WorkerRecycled:
		case cluster.AcceptDelayed:
			encoded.Err, typed.Err = typed.Err.Error(), nil
			e = typed
		case cluster.WorkerFailed:
			encoded.Err, typed.Err = typed.Err.Error(), nil
			e = typed
		case cluster.WorkerAbandoned:
			encoded.Err, typed.Err = typed.Err.Error(), nil
			e = typed
		default:
			return
		}
		encoded.Fields, _ = json.Marshal(e)
		line, _ := json.Marshal(encoded)
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf("event %s\n", line)
	}
}

// parseEvent is the inverse of printEvents.
func parseEvent(line string) (e cluster.Event, err error) {
	var encoded encodedEvent
	if err := json.Unmarshal([]byte(line), &encoded); err != nil {
		return nil, err
	}
	var (
		failure   = errors.New(encoded.Err)
		panicked  cluster.PanicContained
		recycled  cluster.WorkerRecycled
		delayed   cluster.AcceptDelayed
		failed    cluster.WorkerFailed
		abandoned cluster.WorkerAbandoned
	)
	switch encoded.Message {
	case cluster.Message(panicked):
		err = json.Unmarshal(encoded.Fields, &panicked)
		return panicked, err
	case cluster.Message(recycled):
		err = json.Unmarshal(encoded.Fields, &recycled)
		return recycled, err
	case cluster.Message(delayed):
		err = json.Unmarshal(encoded.Fields, &delayed)
		delayed.Err = failure
		return delayed, err
	case cluster.Message(failed):
		err = json.Unmarshal(encoded.Fields, &failed)
		failed.Err = failure
		return failed, err
	case cluster.Message(abandoned):
		err = json.Unmarshal(encoded.Fields, &abandoned)
		abandoned.Err = failure
		return abandoned, err
	}
	return nil, fmt.Errorf("unknown event %q", encoded.Message)
}

// runInSubprocess runs a Supervisor until the parent closes the pipe; command
// gets the lines that the parent sends before.
func runInSubprocess(o cluster.Options, command func(s *cluster.Supervisor, line string)) int {
	o.Host, o.Observe = "127.0.0.1", printEvents()
	o.Shutdown.HandshakeGrace, o.Shutdown.IdleGrace = 10*time.Millisecond, 10*time.Millisecond
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

// runPlainServer is runInSubprocess with fasthttp alone.
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
