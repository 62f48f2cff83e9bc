package cluster_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

// tlsConfigs returns the TLS configurations of a server and of a client that
// trusts it.
func tlsConfigs(t testing.TB) (server, peer *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: pool}
}

// TestGuaranteesHoldOverTLS checks that a connection is found and handled
// beneath its TLS layer.
func TestGuaranteesHoldOverTLS(t *testing.T) {
	t.Parallel()
	server, peer := tlsConfigs(t)
	other := faultHandler(nil)
	r := start(t, cluster.Options{TLS: server, Workers: 2, Restart: cluster.Restart{MinUptime: time.Millisecond}, Handler: func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Path()) == "/ws" {
			echoHandler(ctx)
			return
		}
		other(ctx)
	}})
	secured := func() *client {
		t.Helper()
		conn, err := tls.Dial("tcp", r.addr, peer)
		if err != nil {
			t.Fatalf("dial: %v", err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return &client{addr: r.addr, conn: conn, br: bufio.NewReader(conn)}
	}
	kept, idle := secured(), secured()
	wantOK(t, kept)
	wantOK(t, kept)
	wantOK(t, idle)
	dialer := websocket.Dialer{TLSClientConfig: peer}
	ws, _, err := dialer.Dial("wss://"+r.addr+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.Close() }()

	for _, path := range []string{"/panic", "/goexit"} {
		if a, err := secured().get(path); err != nil || a.status != http.StatusInternalServerError {
			t.Errorf("GET %s: %+v, %v, want 500", path, a, err)
		}
	}
	waitForEvents[cluster.PanicContained](t, r.events, 2)
	if _, err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	if a, err := kept.get("/"); err != nil || a.body != "ok" || !a.willClose {
		t.Errorf("kept-alive connection after a reload: %+v, %v, want ok with Connection: close", a, err)
	}
	if err := ws.WriteMessage(websocket.TextMessage, []byte("still there?")); err != nil {
		t.Fatal(err)
	}
	if _, b, err := ws.ReadMessage(); err != nil || string(b) != "still there?" {
		t.Errorf("echo after a reload: %q, %v", b, err)
	}
	_ = dial(t, r.addr) // never sends a ClientHello

	r.cancel()
	if n, err := idle.conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("idle connection at shutdown: %d bytes, %v, want EOF", n, err)
	}
	if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("WebSocket at shutdown: %v, want close 1001", err)
	}
	if err := r.wait(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
}
