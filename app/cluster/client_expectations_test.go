package cluster_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

// wantOK requests / with c and wants 200 "ok".
func wantOK(t testing.TB, c *client) {
	t.Helper()
	if a, err := c.get("/"); err != nil || a.status != http.StatusOK || a.body != "ok" {
		t.Errorf("GET /: %+v, %v, want 200 ok", a, err)
	}
}

// checkStatus returns an error unless a response has the status.
func checkStatus(a response, err error, status int) error {
	if err == nil && a.status != status {
		return fmt.Errorf("status %d, want %d", a.status, status)
	}
	return err
}

// wantStatus returns a client that requests /site and wants the status.
func wantStatus(status int) func(addr string) error {
	return func(addr string) error {
		c := &client{addr: addr, closeEach: true}
		defer c.close()
		a, err := c.get("/site")
		return checkStatus(a, err, status)
	}
}

// wantHijackedEnd is a client that wants a response and then the end of the
// connection.
func wantHijackedEnd(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, "GET /site HTTP/1.1\r\nHost: test\r\n\r\n")
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		return fmt.Errorf("response before the hijack: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d before the hijack, want 200", resp.StatusCode)
	}
	if rest, err := io.ReadAll(br); err != nil || len(rest) > 0 {
		return fmt.Errorf("hijacked connection: %q, %w, want EOF", rest, err)
	}
	return nil
}

// wantCloseInternal is a client that wants close code 1011 on a WebSocket, and
// no reset although most of its message is unread.
func wantCloseInternal(addr string) error {
	ws, _, err := websocket.DefaultDialer.Dial("ws://"+addr+"/site", nil)
	if err != nil {
		return err
	}
	defer func() { _ = ws.Close() }()
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	_ = ws.WriteMessage(websocket.BinaryMessage, make([]byte, 256<<10))
	if _, _, err = ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseInternalServerErr) {
		return fmt.Errorf("read of the WebSocket: %w, want close 1011", err)
	}
	if n, err := ws.NetConn().Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("after the close frame: %d bytes, %w, want EOF", n, err)
	}
	return nil
}

// wantCutBody is a client that wants the first part of a body and no last
// chunk.
func wantCutBody(addr string) error {
	resp, err := http.Get("http://" + addr + "/site")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if string(body) != "part" || !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("body %q, %w, want \"part\" and an unexpected EOF", body, err)
	}
	return nil
}

// writePart sends the first part of a body.
func writePart(w *bufio.Writer) {
	_, _ = w.WriteString("part")
	_ = w.Flush()
}

// withSite serves /site with h and every other path with answerOK.
func withSite(h fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Path()) == "/site" {
			h(ctx)
			return
		}
		answerOK(ctx)
	}
}
