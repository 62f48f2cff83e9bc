package cluster_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

// TestSessionIsUsedConcurrently reads and writes a hijacked connection from
// several goroutines until its client resets it. It checks for data races.
func TestSessionIsUsedConcurrently(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	r := start(t, cluster.Options{Handler: func(ctx *fasthttp.RequestCtx) {
		cluster.Hijack(ctx, func(c net.Conn) {
			defer close(over)
			var wg sync.WaitGroup
			defer wg.Wait()
			for range 3 {
				wg.Go(func() {
					for b := make([]byte, 1024); ; {
						if _, err := c.Write(b); err != nil {
							return
						}
					}
				})
			}
			_, _ = io.Copy(io.Discard, c)
		})
	}})
	c := dial(t, r.addr)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	br := bufio.NewReader(c)
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("response before the hijack: %+v, %v", resp, err)
	}
	if _, err := io.CopyN(io.Discard, br, 1<<20); err != nil {
		t.Fatalf("read the session: %v", err)
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
	within(t, "end of the session", over)
	eventually(t, "release of the connections", func() bool { return r.status().Conns == 0 })
}
