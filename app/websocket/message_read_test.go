package websocket_test

import (
	"testing"
	"time"

	"smart-factory-backend/app/websocket"
)

// Unfinished messages of many clients stay within MaxPartial together.
func TestMaxPartial(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{MaxPartial: 1 << 20}, newEcho(nil))
	const peers, surplus = 10, 6 // two or three fit into MaxPartial
	closedClients := make(chan bool, peers)
	for range peers {
		p := dial(t, s.addr)
		p.send(clientFrame(0x82, make([]byte, 400_000))[:300_000])
		go func() { // ends when the test closes the client
			if f, payload, err := p.readFrame(); err == nil && f == 0x88 && closeCode(payload) == websocket.TryAgainLater {
				closedClients <- true
			}
		}()
	}
	for n := range surplus {
		select {
		case <-closedClients:
		case <-time.After(testTimeout):
			t.Fatalf("%d of %d clients were closed, want at least %d", n, peers, surplus)
		}
	}
}
