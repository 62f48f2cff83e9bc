package websocket_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	fastws "github.com/fasthttp/websocket"

	"smart-factory-backend/app/websocket"
)

// compress compresses a payload as a client does (RFC 7692, section 7.2.1), with
// a flush, and so a new block, every flushEvery bytes.
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

// decompress returns the payload of a frame from the server.
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

// TestCompressedMessages sends text and binary of all sizes and fragment sizes,
// of data that compresses well, a little or not at all, with a ping in between.
func TestCompressedMessages(t *testing.T) {
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

// sendCompressed sends a compressed message in fragments, 0 for one frame, with a
// ping after the first.
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

func TestDeflateProtocol(t *testing.T) {
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
		"uncompressed message":                    {send: [][]byte{clientFrame(0x81, []byte("hello"))}, want: "hello"},
		"final block":                             {send: [][]byte{clientFrame(0xc1, append(final.Bytes(), 0))}, want: "hello"},
		"an empty first fragment":                 {send: [][]byte{clientFrame(0x41, nil), clientFrame(0x80, hello)}, want: "hello"},
		"RSV1 on a later fragment":                {send: [][]byte{clientFrame(0x41, hello[:2]), clientFrame(0xc0, hello[2:])}, code: websocket.ProtocolError},
		"RSV1 on a ping":                          {send: [][]byte{clientFrame(0xc9, nil)}, code: websocket.ProtocolError},
		"RSV1 on a close":                         {send: [][]byte{clientFrame(0xc8, nil)}, code: websocket.ProtocolError},
		"RSV2":                                    {send: [][]byte{clientFrame(0xe1, hello)}, code: websocket.ProtocolError},
		"invalid deflate data":                    {send: [][]byte{clientFrame(0xc1, []byte("\xff\xff\xff"))}, code: websocket.InvalidPayload},
		"truncated deflate data":                  {send: [][]byte{clientFrame(0xc1, hello[:3])}, code: websocket.InvalidPayload},
		"compressed invalid text":                 {send: [][]byte{clientFrame(0xc1, compress("a\xff", 100, flate.BestSpeed))}, code: websocket.InvalidPayload},
		"compressed text ends inside a character": {send: [][]byte{clientFrame(0xc1, compress("a\xc3", 100, flate.BestSpeed))}, code: websocket.InvalidPayload},
		"larger than MaxMessage":                  {send: [][]byte{clientFrame(0xc2, compress(strings.Repeat("x", 100_001), 1<<20, flate.BestSpeed))}, code: websocket.MessageTooBig},
		"exactly MaxMessage":                      {send: [][]byte{clientFrame(0xc1, compress(strings.Repeat("x", 100_000), 1<<20, flate.BestSpeed))}, want: strings.Repeat("x", 100_000)},
		"compressed size above MaxMessage":        {send: [][]byte{clientFrame(0xc2, make([]byte, 100_001))}, code: websocket.MessageTooBig},
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

func TestDeflate(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{Deflate: true, MaxMessage: 1 << 20}, newEcho(nil))
	d := fastws.Dialer{EnableCompression: true}
	c, resp, err := d.DialContext(t.Context(), "ws://"+s.addr, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(testTimeout))
	for _, want := range []string{"", "a", strings.Repeat("telemetry ", 1000), strings.Repeat("é", 100_000)} {
		if err := c.WriteMessage(fastws.TextMessage, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.ReadMessage(); err != nil || string(got) != want {
			t.Fatalf("echo of %d bytes: %d bytes, %v", len(want), len(got), err)
		}
	}
	// A small compressed message that exceeds the limit when decompressed.
	_ = c.WriteMessage(fastws.TextMessage, make([]byte, 2<<20))
	if _, _, err := c.ReadMessage(); !fastws.IsCloseError(err, websocket.MessageTooBig) {
		t.Errorf("a message that unpacks to 2 MiB: %v, want close 1009", err)
	}
}

// RFC 7692, section 7.
func TestDeflateOffers(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{Deflate: true}, newEcho(nil))
	for offer, agreed := range map[string]bool{
		"permessage-deflate":                                                     true,
		"permessage-deflate; client_max_window_bits":                             true,
		"permessage-deflate; client_max_window_bits=10":                          true,
		"permessage-deflate; server_no_context_takeover":                         true,
		"x-webkit-deflate-frame, permessage-deflate":                             true,
		"permessage-deflate; server_max_window_bits=10":                          false,
		"permessage-deflate; server_max_window_bits=10, permessage-deflate":      true,
		"permessage-deflate-more":                                                false,
		"permessage-deflate; unknown":                                            false,
		"permessage-deflate; client_max_window_bits; client_max_window_bits":     false,
		"permessage-deflate; client_max_window_bits=7":                           false,
		"permessage-deflate; server_no_context_takeover=1; client_max_window_bi": false,
	} {
		_, resp := handshake(t, s.addr, "Sec-WebSocket-Extensions: "+offer)
		got := strings.HasPrefix(resp.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate;")
		if resp.StatusCode != http.StatusSwitchingProtocols || got != agreed {
			t.Errorf("offer %q: status %d, agreed %v; want 101, %v", offer, resp.StatusCode, got, agreed)
		}
	}
}
