package engineio_test

import (
	"strings"
	"testing"

	"github.com/fasthttp/websocket"

	"smart-factory-backend/app/socketio/engineio"
)

func TestWebSocketMessages(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{MaxPayload: 1000})
	w, sid := ts.connect()
	w.send("4hello")
	w.wantPacket("4hello")
	_ = w.WriteMessage(websocket.BinaryMessage, []byte{1, 2, 3, 4})
	w.wantPacket("b:\x01\x02\x03\x04")
	w.send("4")
	w.wantPacket("4")
	_ = w.WriteMessage(websocket.BinaryMessage, nil)
	w.wantPacket("b:")
	w.send("bAQID") // the reference parser takes base64 here, too
	w.wantPacket("b:\x01\x02\x03")
	w.send("6")
	w.send("4after")
	w.wantPacket("4after")
	_ = ts.session(sid).Send(engineio.NewText([]byte("x")), engineio.NewBinary([]byte("y")))
	_ = ts.session(sid).SendLatest(1, engineio.NewText([]byte("z")))
	w.wantPacket("4x")
	w.wantPacket("b:y")
	w.wantPacket("4z")
	ts.get(sid).wantRefusal(t, 400, 3, "Bad request")
	ts.post(sid, "4a").wantRefusal(t, 400, 3, "Bad request")
	if got := ts.session(sid).Transport(); got != "websocket" {
		t.Errorf("Transport() = %q", got)
	}
}

func TestInvalidPacketOnWebSocketClosesSession(t *testing.T) {
	t.Parallel()
	ts := startServer(t, engineio.Options{MaxPayload: 1000})
	for name, tt := range map[string]struct {
		packet string
		code   int
		reason engineio.Reason
	}{
		"unknown type":           {"abc", 1002, engineio.ParseError},
		"empty":                  {"", 1002, engineio.ParseError},
		"invalid base64":         {"b!!!!", 1002, engineio.ParseError},
		"a ping from the client": {"2", 1002, engineio.TransportError},
		"invalid UTF-8":          {"4\xff", 1007, engineio.TransportError},
		"over the limit":         {"4" + strings.Repeat("x", 1000), 1009, engineio.TransportError},
	} {
		t.Run(name, func(t *testing.T) {
			w, sid := ts.connect()
			w.send(tt.packet)
			w.wantClose(tt.code)
			ts.session(sid).wantClosed(t, tt.reason)
			ts.waitUntil("the session is removed", func() bool { return !ts.server.HasSession(sid) })
		})
	}
	sid := ts.open()
	ts.post(sid, "2").wantRefusal(t, 400, 3, "Bad request")
	ts.session(sid).wantClosed(t, engineio.TransportError)
}
