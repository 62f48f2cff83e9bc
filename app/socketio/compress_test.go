package socketio_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/engineio"
)

// encodedPacket reads the frames of a server: what a WebSocket library hides is
// whether they are compressed.
type encodedPacket struct {
	t    *testing.T
	conn net.Conn
	br   *bufio.Reader
}

// dialDeflate connects a client that offers permessage-deflate to the main namespace.
func dialDeflate(t *testing.T, ts *testServer) *encodedPacket {
	t.Helper()
	conn, err := net.Dial("tcp", ts.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(testTimeout))
	fmt.Fprintf(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
	f := &encodedPacket{t, conn, bufio.NewReader(conn)}
	resp, err := http.ReadResponse(f.br, nil)
	if err != nil || !strings.HasPrefix(resp.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate") {
		t.Fatalf("the handshake was answered with %+v, %v", resp, err)
	}
	f.next() // open packet
	f.send("40")
	f.next() // connected
	return f
}

func (f *encodedPacket) send(packet string) {
	b := append([]byte{0x81, 0x80 | byte(len(packet)), 0, 0, 0, 0}, packet...)
	_, _ = f.conn.Write(b)
}

// next returns the next frame's kind, and whether it is compressed.
func (f *encodedPacket) next() (kind byte, compressed bool) {
	f.t.Helper()
	var h [2]byte
	_, err := io.ReadFull(f.br, h[:])
	n := int64(h[1])
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(f.br, b[:])
		n = int64(binary.BigEndian.Uint16(b[:]))
	case 127:
		f.t.Fatal("a frame of more than 64 KiB")
	}
	if err == nil {
		_, err = io.CopyN(io.Discard, f.br, n)
	}
	if err != nil {
		f.t.Fatalf("read a frame: %v", err)
	}
	return h[0] & 0xf, h[0]&0x40 != 0
}

// TestCompressAppliesPerMessage checks that Compress(false) sends a message
// uncompressed to clients that negotiated compression, by every way of
// sending.
func TestCompressAppliesPerMessage(t *testing.T) {
	t.Parallel()
	for name, recovery := range map[string]*socketio.Recovery{"plain": nil, "with recovery": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sockets := make(chan *socketio.Socket, 1)
			ts := startServer(t, socketio.Options{Engine: engineio.Options{Deflate: true}, Recovery: recovery}, func(io *socketio.Server) {
				io.OnConnection(func(s *socketio.Socket) { sockets <- s })
			})
			f := dialDeflate(t, ts)
			s := <-sockets
			s.Join("room")
			long := strings.Repeat("telemetry ", 100)
			for how, tt := range map[string]struct {
				send       func() error
				compressed bool
			}{
				"emit":                   {func() error { return s.Emit("e", long) }, true},
				"emit, compressed":       {func() error { return s.Compress(true).Emit("e", long) }, true},
				"emit, not compressed":   {func() error { return s.Compress(false).Emit("e", long) }, false},
				"flags add up":           {func() error { return s.Timeout(time.Second).Compress(false).Emit("e", long) }, false},
				"room":                   {func() error { return ts.io.To("room").Emit("e", long) }, true},
				"room, not compressed":   {func() error { return ts.io.Compress(false).To("room").Emit("e", long) }, false},
				"ask":                    {func() error { _, err := s.EmitWithAck(canceled(), "e", long); return ignored(err) }, true},
				"ask, not compressed":    {func() error { _, err := s.Compress(false).EmitWithAck(canceled(), "e", long); return ignored(err) }, false},
				"ask a room":             {func() error { _, err := ts.io.To("room").EmitWithAck(canceled(), "e", long); return ignored(err) }, true},
				"ask a room, not so":     {func() error { _, err := ts.io.Compress(false).EmitWithAck(canceled(), "e", long); return ignored(err) }, false},
				"short":                  {func() error { return s.Emit("e", "short") }, false},
				"binary, not compressed": {func() error { return s.Compress(false).Emit("e", []byte(long)) }, false},
				"binary":                 {func() error { return s.Emit("e", []byte(long)) }, true},
			} {
				must(t, tt.send())
				kind, compressed := f.next()
				if strings.HasPrefix(how, "binary") { // the text with the placeholder is short
					if compressed {
						t.Errorf("%s: the text is compressed", how)
					}
					kind, compressed = f.next()
				}
				if compressed != tt.compressed || (kind == 2) != strings.HasPrefix(how, "binary") {
					t.Errorf("%s: a frame of kind %d, compressed: %v, want %v", how, kind, compressed, tt.compressed)
				}
			}
		})
	}
}

// ignored drops the error of a wait that was cancelled from the start.
func ignored(error) error { return nil }
