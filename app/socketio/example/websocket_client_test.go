package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"
)

// The opcodes of frames, and the bit of the last fragment (RFC 6455, section 5.2).
const (
	opContinuation, opText, opBinary = 0x0, 0x1, 0x2
	opClose, opPing, opPong          = 0x8, 0x9, 0xa
	finBit                           = 0x80
)

// frame is a WebSocket frame.
type frame struct {
	first   byte
	payload string
}

func (f frame) String() string {
	return fmt.Sprintf("frame %#02x of %d bytes, %.60q", f.first, len(f.payload), f.payload)
}

// wire returns the frame in wire form, masked.
func (f frame) wire() []byte {
	n := len(f.payload)
	b := make([]byte, 0, n+14)
	switch {
	case n < 126:
		b = append(b, f.first, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, f.first, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, f.first, 0x80|127), uint64(n))
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:])
	b = append(b, mask[:]...)
	at := len(b)
	b = append(b, f.payload...)
	for i := range n {
		b[at+i] ^= mask[i&3]
	}
	return b
}

// closeFrame returns a close frame with a code and a reason.
func closeFrame(code int, reason string) frame {
	return frame{finBit | opClose, string(binary.BigEndian.AppendUint16(nil, uint16(code))) + reason}
}

// rawClient is a WebSocket client that sends frames unchecked.
type rawClient struct {
	net.Conn
	t  *testing.T
	br *bufio.Reader
}

// dialRaw opens a WebSocket with a handshake written by hand.
func dialRaw(t *testing.T, addr, path string) *rawClient {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(3 * testTimeout))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path)
	p := &rawClient{c, t, bufio.NewReaderSize(c, 64<<10)}
	resp, err := http.ReadResponse(p.br, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("handshake: %+v, %v", resp, err)
	}
	return p
}

// send writes pieces separately. It ignores a connection that the server has
// closed: the reader checks for that.
func (p *rawClient) send(pieces ...[]byte) {
	for _, piece := range pieces {
		if _, err := p.Write(piece); err != nil {
			return
		}
	}
}

// read reads a frame and checks that a server may send it.
func (p *rawClient) read() (frame, error) {
	var h [2]byte
	if _, err := io.ReadFull(p.br, h[:]); err != nil {
		return frame{}, err
	}
	n, least := uint64(h[1]), uint64(0)
	switch n {
	case 126:
		var b [2]byte
		_, _ = io.ReadFull(p.br, b[:])
		n, least = uint64(binary.BigEndian.Uint16(b[:])), 126
	case 127:
		var b [8]byte
		_, _ = io.ReadFull(p.br, b[:])
		n, least = binary.BigEndian.Uint64(b[:]), 1<<16
	}
	if h[1]&0x80 != 0 || h[0]&0x70 != 0 || n < least || n > 32<<20 {
		return frame{}, fmt.Errorf("bad header %x, length %d", h, n)
	}
	payload := make([]byte, n)
	_, err := io.ReadFull(p.br, payload)
	return frame{h[0], string(payload)}, err
}

// expect fails the test unless the next frames are these.
func (p *rawClient) expect(frames ...frame) {
	p.t.Helper()
	for _, want := range frames {
		if got, err := p.read(); err != nil || got != want {
			p.t.Fatalf("got %v, %v; want %v", got, err, want)
		}
	}
}

// expectClose fails the test unless the next frame is a close frame with code,
// 0 for none, followed by an orderly end of the connection.
func (p *rawClient) expectClose(code int) {
	p.t.Helper()
	got, err := p.read()
	is := 0
	if len(got.payload) >= 2 {
		is = int(binary.BigEndian.Uint16([]byte(got.payload)))
	}
	if err != nil || got.first != finBit|opClose || is != code {
		p.t.Fatalf("got %v, %v; want a close frame with %d", got, err, code)
	}
	if got, err := p.read(); !errors.Is(err, io.EOF) {
		p.t.Fatalf("after the close frame came %v, %v; want the end", got, err)
	}
}

// expectNothing fails the test if the server sends anything within d.
func (p *rawClient) expectNothing(d time.Duration) {
	p.t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(d))
	if b, err := p.br.Peek(1); err == nil {
		p.t.Fatalf("something came: %x", b)
	}
	_ = p.SetReadDeadline(time.Now().Add(3 * testTimeout))
}

// writePatterns divide the bytes of frames into writes. The result must not
// depend on it.
var writePatterns = map[string]func(frames []frame) [][]byte{
	"at once":        func(frames []frame) [][]byte { return [][]byte{bytes.Join(encodeFrames(frames), nil)} },
	"frame by frame": encodeFrames,
	"byte by byte": func(frames []frame) [][]byte {
		all := bytes.Join(encodeFrames(frames), nil)
		size := 1
		if len(all) > 2000 {
			size = 997
		}
		return slices.Collect(slices.Chunk(all, size))
	},
}

func encodeFrames(frames []frame) [][]byte {
	all := make([][]byte, len(frames))
	for i, f := range frames {
		all[i] = f.wire()
	}
	return all
}
