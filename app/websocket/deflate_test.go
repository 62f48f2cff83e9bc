package websocket_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"smart-factory-backend/app/websocket"
)

// deflated is a message's payload as a client compresses it (RFC 7692, section
// 7.2.1), flushed every so many bytes: into several blocks, that is.
func compress(payload string, flushEvery, level int) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, level)
	for i := 0; i < len(payload); i += flushEvery {
		_, _ = io.WriteString(w, payload[i:min(i+flushEvery, len(payload))])
		_ = w.Flush()
	}
	if payload == "" {
		_ = w.Flush()
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}

// inflated undoes what the server did to a frame's payload, if it did.
func decompress(t *testing.T, first byte, payload []byte) string {
	t.Helper()
	if first&0x40 == 0 {
		return string(payload)
	}
	r := flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("the server's compressed data: %v", err)
	}
	return string(b)
}

func dialDeflate(t *testing.T, addr, offer string) *testClient {
	t.Helper()
	p, resp := handshake(t, addr, "Sec-WebSocket-Extensions: "+offer)
	if agreed := resp.Header.Get("Sec-WebSocket-Extensions"); !strings.Contains(agreed, "permessage-deflate") ||
		!strings.Contains(agreed, "server_no_context_takeover") || !strings.Contains(agreed, "client_no_context_takeover") {
		t.Fatalf("agreed to %q: each message is compressed by itself, which has to be said", agreed)
	}
	return p
}

// TestPackedMessages: all sizes and fragment sizes, text and binary, of data
// that compresses well, a little and not at all; between the fragments comes a
// ping.
func TestPackedMessages(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{Deflate: true}, newEcho(nil))
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 131072)
	for i := range noise {
		noise[i] = byte(random.IntN(256))
	}
	offers := []string{"permessage-deflate", "permessage-deflate; client_max_window_bits", "permessage-deflate; server_no_context_takeover", "permessage-deflate; client_no_context_takeover; client_max_window_bits=9"}
	for i, tt := range []struct{ size, fragment int }{
		{0, 0},
		{16, 0},
		{64, 0},
		{256, 0},
		{1024, 0},
		{4096, 0},
		{8192, 0},
		{16384, 0},
		{32768, 0},
		{65536, 0},
		{131072, 0},
		{8192, 256},
		{16384, 256},
		{32768, 256},
		{65536, 256},
		{131072, 256},
		{131072, 1024},
		{131072, 4096},
		{131072, 32768},
	} {
		t.Run(fmt.Sprintf("%d bytes in fragments of %d", tt.size, tt.fragment), func(t *testing.T) {
			t.Parallel()
			p := dialDeflate(t, s.addr, offers[i%len(offers)])
			for kind, content := range map[byte]string{
				1: strings.Repeat(`{"ä":1.5,"x":"telemetry"}`, 6000)[:tt.size&^1], 2: string(noise[:tt.size]),
			} {
				if kind == 1 {
					content = strings.ToValidUTF8(content, "?")
				}
				packed := compress(content, 10_000, []int{flate.BestSpeed, flate.BestCompression, flate.NoCompression}[i%3])
				for range 2 {
					p.sendCompressed(kind, packed, tt.fragment)
					p.wantMessage(kind, content)
				}
			}
			p.send(clientCloseFrame(1000, ""))
			p.wantClose(1000)
		})
	}
}

// sendPacked sends a compressed message in fragments, 0 for one, with a ping
// behind the first.
func (p *testClient) sendCompressed(kind byte, packed []byte, fragment int) {
	if fragment == 0 || len(packed) <= fragment {
		p.send(clientFrame(0xc0|kind, packed))
		return
	}
	pieces := slices.Collect(slices.Chunk(packed, fragment))
	for i, piece := range pieces {
		first := byte(0)
		switch i {
		case 0:
			first = 0x40 | kind
		case len(pieces) - 1:
			first = 0x80
		}
		p.send(clientFrame(first, piece))
		if i == 0 {
			p.send(clientFrame(0x89, []byte("between")))
			p.wantFrame(0x8a, "between")
		}
	}
}

func (p *testClient) wantMessage(kind byte, content string) {
	p.t.Helper()
	first, payload, err := p.readFrame()
	if err != nil {
		p.t.Fatal(err)
	}
	if got := decompress(p.t.(*testing.T), first, payload); first&^0x40 != 0x80|kind || got != content {
		p.t.Fatalf("got frame %#x of %d bytes, want %#x of %d", first, len(got), 0x80|kind, len(content))
	}
}

// TestPackedProtocol: what else the extension asks for, and what is wrong.
func TestPackedProtocol(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{Deflate: true, MaxMessage: 100_000}, newEcho(nil))
	hello := compress("hello", 100, flate.BestSpeed)
	var final bytes.Buffer
	w, _ := flate.NewWriter(&final, flate.BestSpeed)
	_, _ = io.WriteString(w, "hello")
	_ = w.Close()
	for name, tt := range map[string]struct {
		send [][]byte
		want string
		code int
	}{
		"a message that is not compressed":     {send: [][]byte{clientFrame(0x81, []byte("hello"))}, want: "hello"},
		"a block that says it is the last":     {send: [][]byte{clientFrame(0xc1, append(final.Bytes(), 0))}, want: "hello"},
		"an empty first fragment":              {send: [][]byte{clientFrame(0x41, nil), clientFrame(0x80, hello)}, want: "hello"},
		"the bit on a later fragment":          {send: [][]byte{clientFrame(0x41, hello[:2]), clientFrame(0xc0, hello[2:])}, code: websocket.ProtocolError},
		"the bit on a ping":                    {send: [][]byte{clientFrame(0xc9, nil)}, code: websocket.ProtocolError},
		"the bit on a close":                   {send: [][]byte{clientFrame(0xc8, nil)}, code: websocket.ProtocolError},
		"another bit":                          {send: [][]byte{clientFrame(0xe1, hello)}, code: websocket.ProtocolError},
		"no compressed data":                   {send: [][]byte{clientFrame(0xc1, []byte("\xff\xff\xff"))}, code: websocket.InvalidPayload},
		"data that breaks off":                 {send: [][]byte{clientFrame(0xc1, hello[:3])}, code: websocket.InvalidPayload},
		"compressed, but no text":              {send: [][]byte{clientFrame(0xc1, compress("a\xff", 100, flate.BestSpeed))}, code: websocket.InvalidPayload},
		"text that ends in a character":        {send: [][]byte{clientFrame(0xc1, compress("a\xc3", 100, flate.BestSpeed))}, code: websocket.InvalidPayload},
		"more than may be":                     {send: [][]byte{clientFrame(0xc2, compress(strings.Repeat("x", 100_001), 1<<20, flate.BestSpeed))}, code: websocket.MessageTooBig},
		"as much as may be":                    {send: [][]byte{clientFrame(0xc1, compress(strings.Repeat("x", 100_000), 1<<20, flate.BestSpeed))}, want: strings.Repeat("x", 100_000)},
		"more than may be, by its compression": {send: [][]byte{clientFrame(0xc2, make([]byte, 100_001))}, code: websocket.MessageTooBig},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := dialDeflate(t, s.addr, "permessage-deflate")
			p.send(tt.send...)
			if tt.code != 0 {
				p.wantClose(tt.code)
				return
			}
			p.wantMessage(1, tt.want)
		})
	}
}
