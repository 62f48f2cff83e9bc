package websocket_test

import (
	"testing"

	"smart-factory-backend/app/websocket"
)

func TestHandshake(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{}, newEcho(nil))
	good := map[string]string{
		"Upgrade": "websocket", "Connection": "keep-alive, Upgrade",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	}
	tests := map[string]struct {
		request string
		change  [2]string
		status  int
	}{
		"good":            {status: 101},
		"case of upgrade": {change: [2]string{"Upgrade", "WebSocket"}, status: 101},
		"post":            {request: "POST / HTTP/1.1", status: 400},
		"http 1.0":        {request: "GET / HTTP/1.0", status: 400},
		"no upgrade":      {change: [2]string{"Upgrade", ""}, status: 426},
		"no connection":   {change: [2]string{"Connection", "keep-alive"}, status: 400},
		"version 8":       {change: [2]string{"Sec-WebSocket-Version", "8"}, status: 426},
		"no version":      {change: [2]string{"Sec-WebSocket-Version", ""}, status: 426},
		"no key":          {change: [2]string{"Sec-WebSocket-Key", ""}, status: 400},
		"short key":       {change: [2]string{"Sec-WebSocket-Key", "AAAA"}, status: 400},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.request == "" {
				tt.request = "GET / HTTP/1.1"
			}
			lines := []string{tt.request, "Host: test"}
			for h, v := range good {
				if h == tt.change[0] {
					v = tt.change[1]
				}
				if v != "" {
					lines = append(lines, h+": "+v)
				}
			}
			_, resp := request(t, dialTCP(t, s.addr), lines)
			if resp.StatusCode != tt.status {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.status)
			}
			if accept := resp.Header.Get("Sec-WebSocket-Accept"); tt.status == 101 && accept != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
				t.Errorf("Sec-WebSocket-Accept is %q (RFC 6455, section 1.3)", accept)
			}
		})
	}
}

// Frames that a client sends together with its handshake are received.
func TestEarlyFrames(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{}, newEcho(nil))
	c := dialTCP(t, s.addr)
	p, _ := request(t, c, []string{
		"GET / HTTP/1.1", "Host: test", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + string(clientFrame(0x81, []byte("early"))) + string(clientFrame(0x81, []byte("bird"))[:4]),
	})
	p.wantFrame(0x81, "early")
}
