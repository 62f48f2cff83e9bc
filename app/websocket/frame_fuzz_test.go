package websocket_test

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/websocket"
)

// FuzzFrames sends arbitrary bytes after the handshake, in one write and in two.
// The server must not panic and must send the same bytes both times.
func FuzzFrames(f *testing.F) {
	s := startServer(f, &websocket.Upgrader{MaxMessage: 1 << 16, Deflate: true}, newEcho(nil))
	f.Add(clientFrame(0x81, []byte("text")), uint16(3))
	f.Add(bytes.Join([][]byte{clientFrame(1, []byte("\xf0\x9f")), clientFrame(0x89, []byte("p")), clientFrame(0x80, []byte("\x98\x80"))}, nil), uint16(9))
	f.Add(clientCloseFrame(1000, "bye"), uint16(1))
	f.Add(clientFrame(0xc1, []byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}), uint16(7)) // RFC 7692, section 7.2.3.1
	f.Add([]byte{0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4, 5}, uint16(12))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		if bytes.Contains(data, []byte("panic")) || len(data) > 1<<16 {
			return
		}
		at := min(int(cut), len(data))
		once, twice := exchange(t, s.addr, data), exchange(t, s.addr, data[:at], data[at:])
		if !bytes.Equal(once, twice) {
			t.Errorf("sent at once, the answer is %x; cut at %d, it is %x", once, at, twice)
		}
		for len(s.events) > 0 {
			if e, ok := (<-s.events).(cluster.PanicContained); ok {
				t.Fatalf("panic %v\n%s", e.Value, e.Stack)
			}
		}
	})
}

// exchange sends pieces, closes the sending side, and returns all that the server
// sends.
func exchange(t *testing.T, addr string, pieces ...[]byte) []byte {
	p := dial(t, addr, "Sec-WebSocket-Extensions: permessage-deflate")
	defer func() { _ = p.Close() }()
	for _, piece := range pieces {
		p.send(piece)
	}
	_ = p.Conn.(*net.TCPConn).CloseWrite()
	_ = p.SetReadDeadline(time.Now().Add(testTimeout))
	all, err := io.ReadAll(p.br)
	if err != nil && len(all) == 0 {
		t.Logf("the end is %v", err)
	}
	return all
}
