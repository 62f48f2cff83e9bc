package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/socketio"

	"github.com/fasthttp/websocket"
	"golang.org/x/sys/unix"
)

func dial(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(timeout))
	return conn
}

// peerOf finds this process's end of a connection to it.
func peerOf(t *testing.T, c net.Conn) int {
	t.Helper()
	want := c.LocalAddr().(*net.TCPAddr).Port
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		fd, _ := strconv.Atoi(e.Name())
		if sa, err := unix.Getpeername(fd); err == nil {
			if peer, ok := sa.(*unix.SockaddrInet4); ok && peer.Port == want {
				return fd
			}
		}
	}
	t.Fatal("the server's end is not to be found")
	return 0
}

// TestDeadPeersAreForgotten: a session whose peer went without a word is ended
// by the kernel in the time that it has to answer a heartbeat and be written to.
func TestDeadPeersAreForgotten(t *testing.T) {
	_, addr := launch(t, "PING_INTERVAL=7s", "PING_TIMEOUT=5s", "WRITE_TIMEOUT=3s")
	for _, path := range []string{"/ws", "/socket.io/?EIO=4&transport=websocket"} {
		conn := dial(t, addr+path)
		if path == "/ws" {
			if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"op":"ping","id":1}`)); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := conn.ReadMessage(); err != nil { // it has left HTTP by now
			t.Fatal(err)
		}
		got, err := unix.GetsockoptInt(peerOf(t, conn.NetConn()), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		if want := 15_000; err != nil || got != want {
			t.Errorf("%s: TCP_USER_TIMEOUT = %d ms, %v; want %d", path, got, err, want)
		}
	}
}

// TestPanicsOfSessionsAreCounted: a panic in a Socket.IO handler closes that
// client with 1011, is counted, and costs nobody else anything.
func TestPanicsOfSessionsAreCounted(t *testing.T) {
	a, addr := launch(t)
	a.sessions.live.SocketIO().On("break", func(*socketio.Event) { panic("on purpose") })
	const path = "/socket.io/?EIO=4&transport=websocket"
	other := dial(t, addr+path)
	for n := 1; n <= 3; n++ {
		conn := dial(t, addr+path)
		connect(t, conn)
		err := conn.WriteMessage(websocket.TextMessage, []byte(`42["break"]`))
		for err == nil {
			_, _, err = conn.ReadMessage()
		}
		if !websocket.IsCloseError(err, websocket.CloseInternalServerErr) {
			t.Errorf("it ends with %v, want close 1011", err)
		}
		want := fmt.Sprintf("smartfactory_panics_total{place=\"session\"} %d\n", n)
		if text := scrape(t, a); !strings.Contains(text, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
	connect(t, other)
}

// connect joins the main namespace.
func connect(t *testing.T, conn *websocket.Conn) {
	t.Helper()
	if err := conn.WriteMessage(websocket.TextMessage, []byte("40")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0{", "40{"} {
		if _, text, err := conn.ReadMessage(); err != nil || !strings.HasPrefix(string(text), want) {
			t.Fatalf("got %s, %v; want %s…", text, err, want)
		}
	}
}

// scrape returns the metrics.
func scrape(t *testing.T, a *App) string {
	t.Helper()
	resp, err := http.Get("http://" + a.admin.listener.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
