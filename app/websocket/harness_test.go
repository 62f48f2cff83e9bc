package websocket_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/testkit/leaktest"
	"smart-factory-backend/app/websocket"
	"smart-factory-backend/app/websocket/eventloop"
)

// testTimeout bounds every wait; only a failing test reaches it.
const testTimeout = time.Minute

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// testServer is a cluster and an event loop, for one test.
type testServer struct {
	addr   string
	events chan cluster.Event
	loop   *eventloop.Loop
	sup    *cluster.Supervisor
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

func startServer(t testing.TB, u *websocket.Upgrader, open func(*websocket.Conn) websocket.Handler, change ...func(*cluster.Options)) *testServer {
	t.Helper()
	loop, err := eventloop.New(eventloop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	u.Loop = loop
	u.Detach = func(ctx *fasthttp.RequestCtx, f func(eventloop.Transport)) {
		cluster.Detach(ctx, func(s *cluster.Session) { f(s) })
	}
	if u.MaxMessage == 0 {
		u.MaxMessage = 16 << 20
	}
	if u.QueueLimit == 0 {
		u.QueueLimit = 64 << 20
	}
	s := &testServer{loop: loop, events: make(chan cluster.Event, 1000)}
	o := cluster.Options{
		Host: "127.0.0.1", Shutdown: cluster.Shutdown{HandshakeGrace: time.Millisecond, IdleGrace: time.Millisecond},
		Handler: func(ctx *fasthttp.RequestCtx) { _ = u.Upgrade(ctx, open) },
		Observe: func(e cluster.Event) {
			select {
			case s.events <- e:
			default:
			}
		},
	}
	for _, f := range change {
		f(&o)
	}
	sup, err := cluster.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := sup.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.sup, s.addr = sup, sup.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	loopCtx, stopLoop := context.WithCancel(context.Background())
	s.ended.Go(func() {
		defer stopLoop()
		if err := sup.Run(ctx); err != nil {
			t.Errorf("the supervisor ended with %v", err)
		}
	})
	s.ended.Go(func() {
		if err := loop.Run(loopCtx); err != nil {
			t.Errorf("the loop ended with %v", err)
		}
	})
	t.Cleanup(s.stop)
	<-sup.Ready()
	return s
}

func (s *testServer) stop() {
	s.cancel()
	s.ended.Wait()
}

// echoHandler sends every message back.
type echoHandler struct {
	c      *websocket.Conn
	closed chan closeCall // receives the arguments of Closed; may be nil
}

type closeCall struct {
	code int
	err  error
}

func (e *echoHandler) Message(op websocket.Opcode, data []byte) {
	if string(data) == "panic" {
		panic("test panic")
	}
	if string(data) == "goexit" {
		runtime.Goexit()
	}
	_ = e.c.Send(websocket.NewMessage(op, data))
}

func (e *echoHandler) Closed(code int, err error) {
	if e.closed != nil {
		e.closed <- closeCall{code, err}
	}
}

func newEcho(ends chan closeCall) func(*websocket.Conn) websocket.Handler {
	return func(c *websocket.Conn) websocket.Handler { return &echoHandler{c, ends} }
}

// testClient is a client that can send arbitrary bytes.
type testClient struct {
	net.Conn
	t  testing.TB
	br *bufio.Reader
}

func dial(t testing.TB, addr string, headers ...string) *testClient {
	t.Helper()
	p, resp := handshake(t, addr, headers...)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the handshake was answered with %d", resp.StatusCode)
	}
	return p
}

func handshake(t testing.TB, addr string, headers ...string) (*testClient, *http.Response) {
	t.Helper()
	lines := append([]string{
		"GET / HTTP/1.1", "Host: test", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	}, headers...)
	return request(t, dialTCP(t, addr), lines)
}

func request(t testing.TB, c net.Conn, lines []string) (*testClient, *http.Response) {
	t.Helper()
	_, _ = io.WriteString(c, strings.Join(lines, "\r\n")+"\r\n\r\n")
	p := &testClient{c, t, bufio.NewReader(c)}
	resp, err := http.ReadResponse(p.br, nil)
	if err != nil {
		t.Fatalf("read the response to the handshake: %v", err)
	}
	return p, resp
}

var testMask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// clientFrame returns a masked frame.
func clientFrame(first byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, testMask[:]...)
	for i, c := range payload {
		b = append(b, c^testMask[i%4])
	}
	return b
}

func (p *testClient) send(bs ...[]byte) {
	p.t.Helper()
	for _, b := range bs {
		if _, err := p.Write(b); err != nil {
			return // what the server has sent can still be read
		}
	}
}

// readFrame reads one frame. err is io.EOF at an orderly end.
func (p *testClient) readFrame() (first byte, payload []byte, err error) {
	var h [2]byte
	if _, err := io.ReadFull(p.br, h[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(h[1])
	switch n {
	case 126:
		var b [2]byte
		_, _ = io.ReadFull(p.br, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, _ = io.ReadFull(p.br, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(p.br, payload)
	return h[0], payload, err
}

// wantFrame fails the test unless the next frame is this one.
func (p *testClient) wantFrame(first byte, payload string) {
	p.t.Helper()
	f, got, err := p.readFrame()
	if err != nil || f != first || string(got) != payload {
		p.t.Fatalf("got frame %#x %.60q (%d bytes), %v; want %#x %.60q", f, got, len(got), err, first, payload)
	}
}

// wantClose fails the test unless a close frame with the code comes next, followed
// by EOF.
func (p *testClient) wantClose(code int) {
	p.t.Helper()
	f, got, err := p.readFrame()
	if err != nil || f != 0x88 || closeCode(got) != code {
		p.t.Fatalf("got frame %#x with code %d %q, %v; want a close frame with %d", f, closeCode(got), got, err, code)
	}
	if _, _, err := p.readFrame(); !errors.Is(err, io.EOF) {
		p.t.Fatalf("after the close frame came %v, want the end", err)
	}
}

func closeCode(payload []byte) int {
	if len(payload) < 2 {
		return websocket.NoStatus
	}
	return int(binary.BigEndian.Uint16(payload))
}

func clientCloseFrame(code int, reason string) []byte {
	return clientFrame(0x88, append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...))
}

func dialTCP(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(testTimeout))
	return c
}

// selfSigned returns a TLS configuration with a self-signed certificate.
func selfSigned(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}
