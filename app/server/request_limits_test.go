package server

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// rawRequest sends bytes to a server while it reads the response, which it returns.
// It stops sending when the server closes the connection, or after all of them.
func rawRequest(t *testing.T, addr string, chunks func(yield func([]byte) bool)) (response string, sent int) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for chunk := range chunks {
			n, err := c.Write(chunk)
			if sent += n; err != nil {
				return
			}
		}
	}()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		t.Errorf("reading the response: %v", err)
	}
	_ = c.Close()
	<-ended
	return line, sent
}

// What fasthttp reads without a bound counts against the bound of the request.
func TestFramingOfBodiesIsBounded(t *testing.T) {
	t.Parallel()
	_, addr := launch(t)
	const head = "POST /api/v1/telemetry HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	filler := bytes.Repeat([]byte("a"), 64<<10)
	for name, tt := range map[string]struct{ start, repeat string }{
		"an extension without an end": {head + "1;", string(filler)},
		"many small chunks":           {head, strings.Repeat("1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n \r\n", 1000)},
		"trailers without an end":     {head + "0\r\n", strings.Repeat("X-A: b\r\n", 1000)},
	} {
		const most = 256 << 20
		response, sent := rawRequest(t, addr, func(yield func([]byte) bool) {
			repeat := []byte(tt.repeat)
			for n := 0; n < most; n += len(repeat) {
				chunk := repeat
				if n == 0 {
					chunk = append([]byte(tt.start), repeat...)
				}
				if !yield(chunk) {
					return
				}
			}
		})
		if !strings.HasPrefix(response, "HTTP/1.1 4") || sent >= most/2 {
			t.Errorf("%s: %q after %d bytes, want a refusal soon after 8 MiB", name, response, sent)
		}
	}
}

func TestLongRequestTargetsAndHeadersHaveTheirStatus(t *testing.T) {
	t.Parallel()
	_, addr := launch(t)
	long := strings.Repeat("a", 100<<10)
	for name, tt := range map[string]struct{ request, want string }{
		"target": {"GET /" + long + " HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 414 "},
		"header": {"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + long + "\r\n\r\n", "HTTP/1.1 431 "},
	} {
		response, _ := rawRequest(t, addr, func(yield func([]byte) bool) { yield([]byte(tt.request)) })
		if !strings.HasPrefix(response, tt.want) {
			t.Errorf("a long %s: %q, want %s", name, response, tt.want)
		}
	}
}
