package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"
)

// TestInjectedFaults: each fault has the documented effect on its own request,
// and the server keeps serving.
func TestInjectedFaults(t *testing.T) {
	a, log := launchWith(t, testSettings(t, "FAULT_INJECTION=true"))
	url := "http://" + a.supervisor.Addr().String()
	for fault, want := range map[string]int{"panic": 500, "goexit": 500, "worker": 200, "panic-ws": 200} {
		if got := status(t, "POST", url+"/api/faults/"+fault); got != want {
			t.Errorf("POST /api/faults/%s = %d, want %d", fault, got, want)
		}
	}
	resp, err := http.Post(url+"/api/faults/panic-stream", "text/plain", http.NoBody)
	if err == nil {
		if _, err = resp.Body.Read(make([]byte, 64)); err == nil {
			_, err = resp.Body.Read(make([]byte, 64))
		}
		_ = resp.Body.Close()
	}
	if err == nil {
		t.Error("POST /api/faults/panic-stream: the response is complete, want it cut")
	}
	if got := status(t, "GET", url+"/api/health/live"); got != http.StatusOK {
		t.Errorf("GET /api/health/live after the faults = %d, want 200", got)
	}
	for _, want := range []string{
		"panic in a handler", "runtime.Goexit", "panic in a body stream", "panic in a hijacked connection", "worker failed", "worker recycled",
	} {
		waitUntil(t, "the log has "+want, func() bool { return strings.Contains(log.String(), want) })
	}
}

func TestInjectedWebSocketPanicCloses1011(t *testing.T) {
	_, addr := launch(t, "FAULT_INJECTION=true")
	conn := dial(t, addr+"/api/faults/panic-ws")
	if err := conn.WriteMessage(websocket.TextMessage, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseInternalServerErr) {
		t.Errorf("the WebSocket ends with %v, want close code 1011", err)
	}
}

func TestFaultsAreOffByDefault(t *testing.T) {
	_, addr := launch(t)
	if got := status(t, "POST", "http://"+addr+"/api/faults/panic"); got != http.StatusNotFound {
		t.Errorf("POST /api/faults/panic = %d, want 404", got)
	}
}
