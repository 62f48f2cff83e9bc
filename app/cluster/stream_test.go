package cluster_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

func TestStreamBodyArrivesAsItIsWritten(t *testing.T) {
	t.Parallel()
	next := make(chan struct{}, 1)
	next <- struct{}{} // the header is sent with the first line
	r := start(t, cluster.Options{Handler: func(ctx *fasthttp.RequestCtx) {
		cluster.StreamBody(ctx, func(w *bufio.Writer) error {
			for i := range 3 {
				<-next
				_, _ = fmt.Fprintf(w, "line %d\n", i)
				if err := w.Flush(); err != nil {
					return err
				}
			}
			_, err := w.WriteString("end\n") // StreamBody flushes the rest
			return err
		})
	}})
	resp, err := http.Get("http://" + r.addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for i := range 3 {
		if !lines.Scan() || lines.Text() != fmt.Sprint("line ", i) {
			t.Fatalf("line %d is %q, %v", i, lines.Text(), lines.Err())
		}
		next <- struct{}{}
	}
	if !lines.Scan() || lines.Text() != "end" || lines.Scan() || lines.Err() != nil {
		t.Errorf("the end of the body: %q, %v", lines.Text(), lines.Err())
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestStreamBodyErrorCutsTheBody(t *testing.T) {
	t.Parallel()
	r := start(t, cluster.Options{Handler: func(ctx *fasthttp.RequestCtx) {
		cluster.StreamBody(ctx, func(w *bufio.Writer) error {
			writePart(w)
			return errors.New("no more")
		})
	}})
	if err := wantCutBody(r.addr); err != nil {
		t.Error(err)
	}
	if n := len(eventsOf[cluster.PanicContained](r.events)); n != 0 {
		t.Errorf("an error of the writer was reported as %d panics, want 0", n)
	}
}

// TestStreamBodyWriterSeesResponseEnd checks that the writer gets an error
// however the response ends, and that the supervisor waits for the writer.
func TestStreamBodyWriterSeesResponseEnd(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		request string
		panics  bool
		leave   bool
	}{
		"client leaves":         {request: "GET / HTTP/1.1\r\nHost: test\r\n\r\n", leave: true},
		"client wants no body":  {request: "HEAD / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"},
		"handler panics":        {request: "GET / HTTP/1.1\r\nHost: test\r\n\r\n", panics: true},
		"shutdown cuts it off":  {request: "GET / HTTP/1.1\r\nHost: test\r\n\r\n"},
		"of a client of 1.0":    {request: "GET / HTTP/1.0\r\n\r\n", leave: true},
		"a 1.0 client, cut off": {request: "GET / HTTP/1.0\r\n\r\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun, over := make(chan struct{}), make(chan error, 1)
			r := start(t, cluster.Options{Shutdown: cluster.Shutdown{Timeout: 1}, Handler: func(ctx *fasthttp.RequestCtx) {
				cluster.StreamBody(ctx, func(w *bufio.Writer) error {
					close(begun)
					line := strings.Repeat("x", 1000)
					for {
						if _, err := w.WriteString(line); err != nil {
							over <- err
							return err
						}
					}
				})
				if tt.panics {
					panicOnPurpose()
				}
			}})
			c := dial(t, r.addr)
			_, _ = io.WriteString(c, tt.request)
			within(t, "begin of the stream", begun)
			if tt.leave {
				_ = c.Close()
			} else {
				r.cancel()
			}
			if err := within(t, "end of the stream", over); err == nil {
				t.Error("the writer ended without an error")
			}
			if err := r.stop(); err != nil {
				t.Errorf("Run() = %v, want nil", err)
			}
		})
	}
}

func TestRunWaitsForStreamWriters(t *testing.T) {
	t.Parallel()
	begun, last := make(chan struct{}), make(chan bool, 1)
	var r *testSupervisor
	started := make(chan struct{})
	r = start(t, cluster.Options{Shutdown: cluster.Shutdown{Timeout: 1}, Handler: func(ctx *fasthttp.RequestCtx) {
		cluster.StreamBody(ctx, func(w *bufio.Writer) error {
			close(begun)
			for line := strings.Repeat("x", 1000); ; {
				if _, err := w.WriteString(line); err != nil {
					<-started
					last <- r.outlives(50 * time.Millisecond) // Run must wait meanwhile
					return err
				}
			}
		})
	}})
	close(started)
	_, _ = io.WriteString(dial(t, r.addr), "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	within(t, "stream", begun)
	if err := r.stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	if !within(t, "end of the stream", last) {
		t.Error("Run returned while a stream's writer ran")
	}
}
