package socketio_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/socketio"
)

// startPlain runs a server on a fasthttp.Server instead of a cluster.
func startPlain(t *testing.T, o socketio.Options, ln net.Listener, prepare func(*socketio.Server)) *testServer {
	t.Helper()
	ts := &testServer{t: t, addr: ln.Addr().String(), panics: make(chan any, 100), disconnects: make(chan socketio.Reason, 100)}
	o.Panicked = func(v any, _ []byte) { ts.panics <- v }
	var err error
	if ts.io, err = socketio.NewServer(o); err != nil {
		t.Fatal(err)
	}
	ts.io.OnDisconnect(func(_ *socketio.Socket, r socketio.Reason) { ts.disconnects <- r })
	prepare(ts.io)
	plain := &fasthttp.Server{Handler: ts.io.Handler, MaxIdleWorkerDuration: 100 * time.Millisecond}
	ctx, stop := context.WithCancel(context.Background())
	served, ran := make(chan error, 1), make(chan error, 1)
	go func() { served <- plain.Serve(ln) }()
	go func() { ran <- ts.io.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Errorf("Run = %v", err)
		}
		if err := errors.Join(plain.Shutdown(), <-served); err != nil {
			t.Errorf("the fasthttp server ended with %v", err)
		}
	})
	return ts
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func TestPlainFasthttpServesBothTransports(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			ts := startPlain(t, socketio.Options{}, listen(t), echoServer)
			a, b := ts.dial(transport), ts.dial(transport)
			a.connect("", "")
			b.connect("", "")
			large := strings.Repeat("x", 300_000)
			for range 3 {
				a.send(`2["message","`+large+`"]`, `51-["message",{"_placeholder":true,"num":0}]`, "b:bytes", `27["ask",1]`)
				a.expect(`2["message-back","`+large+`"]`, `51-["message-back",{"_placeholder":true,"num":0}]`, "b:bytes", `37[1]`)
			}
			must(t, ts.io.Emit("all", 1))
			a.expect(`2["all",1]`)
			b.expect(`2["all",1]`)
			a.send("1")
			if got := receive(t, ts.disconnects); got != socketio.ClientDisconnect {
				t.Errorf("disconnected for %q, want %q", got, socketio.ClientDisconnect)
			}
			b.stop()
			want := socketio.TransportClose
			if transport == "polling" {
				want = socketio.TransportError
			}
			if got := receive(t, ts.disconnects); got != want {
				t.Errorf("disconnected for %q, want %q", got, want)
			}
		})
	}
}

func TestPlainFasthttpContainsPanics(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			ts := startPlain(t, socketio.Options{}, listen(t), func(io *socketio.Server) {
				io.On("queued", func(*socketio.Event) { panic("queued") })
				io.OnDirect("direct", func(*socketio.Event) { panic("direct") })
			})
			bystander := ts.dial(transport)
			bystander.connect("", "")
			for _, event := range []string{"queued", "direct"} {
				c := ts.dial(transport)
				c.connect("", "")
				c.sendIgnoringErrors(`2["` + event + `"]`)
				if got := receive(t, ts.panics); got != event {
					t.Errorf("panic with %v, want %q", got, event)
				}
				receive(t, ts.disconnects)
				c.expectClosed()
			}
			must(t, ts.io.Emit("still"))
			bystander.expect(`2["still"]`)
		})
	}
}

// What a client sends together with its handshake has been read by fasthttp
// before the connection is handed over.
func TestPlainFasthttpHandsOverEarlyData(t *testing.T) {
	t.Parallel()
	ts := startPlain(t, socketio.Options{}, listen(t), echoServer)
	conn, err := net.Dial("tcp", ts.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const early = "\x81\x82\x00\x00\x00\x0040" // a masked text frame: 40
	fmt.Fprintf(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n%s", early)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("ReadResponse = %v, %v", resp, err)
	}
	for _, want := range []string{"0{", "40{"} {
		var header [2]byte
		if _, err := io.ReadFull(r, header[:]); err != nil {
			t.Fatal(err)
		}
		size := int(header[1])
		if size == 126 {
			var long [2]byte
			_, _ = io.ReadFull(r, long[:])
			size = int(long[0])<<8 | int(long[1])
		}
		payload := make([]byte, size)
		if _, err := io.ReadFull(r, payload); err != nil || !strings.HasPrefix(string(payload), want) {
			t.Fatalf("got %q, %v, want %s…", payload, err, want)
		}
	}
}

// A connection without a descriptor of its own is bridged.
func TestPlainFasthttpServesTLS(t *testing.T) {
	t.Parallel()
	ts := startPlain(t, socketio.Options{}, tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{certificate(t)}}), echoServer)
	dialer := websocket.Dialer{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	conn, _, err := dialer.Dial("wss://"+ts.addr+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	large := strings.Repeat("x", 300_000)
	for _, exchange := range []struct{ send, want string }{
		{"40", "0{"},
		{"", "40{"},
		{`42["message","` + large + `"]`, `42["message-back","` + large + `"]`},
	} {
		if exchange.send != "" {
			must(t, conn.WriteMessage(websocket.TextMessage, []byte(exchange.send)))
		}
		if _, got, err := conn.ReadMessage(); err != nil || !strings.HasPrefix(string(got), exchange.want) {
			t.Fatalf("got %.100q, %v, want %.100s…", got, err, exchange.want)
		}
	}
	_ = conn.NetConn().Close()
	receive(t, ts.disconnects)
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestPlainFasthttpIdleSocketsHaveNoGoroutine is not parallel: it counts the
// goroutines of the process.
func TestPlainFasthttpIdleSocketsHaveNoGoroutine(t *testing.T) {
	ts := startPlain(t, socketio.Options{}, listen(t), echoServer)
	const sockets = 100
	before := runtime.NumGoroutine()
	var clients []net.Conn
	for range sockets {
		conn, _, err := websocket.DefaultDialer.Dial("ws://"+ts.addr+"/socket.io/?EIO=4&transport=websocket", nil)
		must(t, err)
		must(t, conn.WriteMessage(websocket.TextMessage, []byte("40")))
		clients = append(clients, conn.NetConn())
	}
	waitUntil(t, "all have connected without a goroutine each", func() bool {
		return len(ts.io.Sockets()) == sockets && runtime.NumGoroutine() < before+sockets/2
	})
	for _, conn := range clients {
		_ = conn.Close()
	}
}
