package websocket_test

import (
	"bytes"
	"strings"
	"testing"

	"smart-factory-backend/app/websocket"
)

// TestFrames runs each case twice: in one write, and byte by byte.
func TestFrames(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{MaxMessage: 100_000}, newEcho(nil))
	big := strings.Repeat("x", 70_000)
	type want struct {
		first   byte
		payload string
	}
	tests := map[string]struct {
		send [][]byte
		want []want
		code int // of the close frame at the end
	}{
		"text":                           {send: [][]byte{clientFrame(0x81, []byte("héllo"))}, want: []want{{0x81, "héllo"}}},
		"empty text":                     {send: [][]byte{clientFrame(0x81, nil)}, want: []want{{0x81, ""}}},
		"binary of 126":                  {send: [][]byte{clientFrame(0x82, make([]byte, 126))}, want: []want{{0x82, string(make([]byte, 126))}}},
		"text of 70000":                  {send: [][]byte{clientFrame(0x81, []byte(big))}, want: []want{{0x81, big}}},
		"fragments":                      {send: [][]byte{clientFrame(1, []byte("a")), clientFrame(0, []byte("b")), clientFrame(0x80, []byte("c"))}, want: []want{{0x81, "abc"}}},
		"empty fragments":                {send: [][]byte{clientFrame(1, nil), clientFrame(0, nil), clientFrame(0x80, nil)}, want: []want{{0x81, ""}}},
		"ping between fragments":         {send: [][]byte{clientFrame(1, []byte("a")), clientFrame(0x89, []byte("p")), clientFrame(0x80, []byte("c"))}, want: []want{{0x8a, "p"}, {0x81, "ac"}}},
		"ten pings":                      {send: bytesTimes(10, clientFrame(0x89, []byte("p"))), want: repeat(10, want{0x8a, "p"})},
		"pong is ignored":                {send: [][]byte{clientFrame(0x8a, []byte("p")), clientFrame(0x81, []byte("a"))}, want: []want{{0x81, "a"}}},
		"ping of 125":                    {send: [][]byte{clientFrame(0x89, make([]byte, 125))}, want: []want{{0x8a, string(make([]byte, 125))}}},
		"ping of 126":                    {send: [][]byte{clientFrame(0x89, make([]byte, 126))}, code: websocket.ProtocolError},
		"fragmented ping":                {send: [][]byte{clientFrame(0x09, nil)}, code: websocket.ProtocolError},
		"continuation without message":   {send: [][]byte{clientFrame(0x80, nil)}, code: websocket.ProtocolError},
		"text within a message":          {send: [][]byte{clientFrame(1, nil), clientFrame(0x81, nil)}, code: websocket.ProtocolError},
		"continuation after end":         {send: [][]byte{clientFrame(1, nil), clientFrame(0x80, nil), clientFrame(0x80, nil)}, want: []want{{0x81, ""}}, code: websocket.ProtocolError},
		"reserved bit 1":                 {send: [][]byte{clientFrame(0xc1, nil)}, code: websocket.ProtocolError},
		"reserved bit 2":                 {send: [][]byte{clientFrame(0xa1, nil)}, code: websocket.ProtocolError},
		"reserved bit 3 of a ping":       {send: [][]byte{clientFrame(0x99, nil)}, code: websocket.ProtocolError},
		"opcode 3":                       {send: [][]byte{clientFrame(0x83, nil)}, code: websocket.ProtocolError},
		"opcode 11":                      {send: [][]byte{clientFrame(0x8b, nil)}, code: websocket.ProtocolError},
		"not masked":                     {send: [][]byte{{0x81, 1, 'a'}}, code: websocket.ProtocolError},
		"length not in short form":       {send: [][]byte{{0x82, 0xfe, 0, 5, 0, 0, 0, 0}}, code: websocket.ProtocolError},
		"length of 2^63":                 {send: [][]byte{{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}, code: websocket.ProtocolError},
		"too big by header":              {send: [][]byte{{0x82, 0xff, 0, 0, 0, 0, 0, 1, 0x86, 0xa1, 0, 0, 0, 0}}, code: websocket.MessageTooBig},
		"too big in fragments":           {send: [][]byte{clientFrame(2, []byte(big)), clientFrame(0x80, []byte(big))}, code: websocket.MessageTooBig},
		"invalid text":                   {send: [][]byte{clientFrame(0x81, []byte("a\xff"))}, code: websocket.InvalidPayload},
		"text ends inside a character":   {send: [][]byte{clientFrame(0x81, []byte("a\xc3"))}, code: websocket.InvalidPayload},
		"character across fragments":     {send: [][]byte{clientFrame(1, []byte("\xf0\x9f")), clientFrame(0x80, []byte("\x98\x80"))}, want: []want{{0x81, "😀"}}},
		"surrogate":                      {send: [][]byte{clientFrame(1, []byte("\xed\xa0")), clientFrame(0x80, []byte("\x80"))}, code: websocket.InvalidPayload},
		"close":                          {send: [][]byte{clientCloseFrame(1000, "bye")}, code: websocket.NormalClosure},
		"close without a code":           {send: [][]byte{clientFrame(0x88, nil)}, code: websocket.NoStatus},
		"close with one byte":            {send: [][]byte{clientFrame(0x88, []byte{3})}, code: websocket.ProtocolError},
		"close 1005":                     {send: [][]byte{clientCloseFrame(1005, "")}, code: websocket.ProtocolError},
		"close 1004":                     {send: [][]byte{clientCloseFrame(1004, "")}, code: websocket.ProtocolError},
		"close 999":                      {send: [][]byte{clientCloseFrame(999, "")}, code: websocket.ProtocolError},
		"close 1015":                     {send: [][]byte{clientCloseFrame(1015, "")}, code: websocket.ProtocolError},
		"close 2999":                     {send: [][]byte{clientCloseFrame(2999, "")}, code: websocket.ProtocolError},
		"close 4999":                     {send: [][]byte{clientCloseFrame(4999, "x")}, code: 4999},
		"close 5000":                     {send: [][]byte{clientCloseFrame(5000, "")}, code: websocket.ProtocolError},
		"close with invalid reason":      {send: [][]byte{clientCloseFrame(1000, "\xff")}, code: websocket.InvalidPayload},
		"close of 126":                   {send: [][]byte{clientCloseFrame(1000, strings.Repeat("x", 124))}, code: websocket.ProtocolError},
		"frames after close are ignored": {send: [][]byte{clientCloseFrame(1000, ""), clientFrame(0x81, []byte("late")), clientFrame(0x89, nil)}, code: websocket.NormalClosure},
		"close between fragments":        {send: [][]byte{clientFrame(1, []byte("a")), clientCloseFrame(1001, "")}, code: websocket.GoingAway},
		"panic closes with 1011":         {send: [][]byte{clientFrame(0x81, []byte("a")), clientFrame(0x81, []byte("panic")), clientFrame(0x81, []byte("b"))}, want: []want{{0x81, "a"}}, code: websocket.InternalError},
		"goexit closes with 1011":        {send: [][]byte{clientFrame(0x81, []byte("a")), clientFrame(0x81, []byte("goexit")), clientFrame(0x81, []byte("b"))}, want: []want{{0x81, "a"}}, code: websocket.InternalError},
	}
	for name, tt := range tests {
		for way, cut := range map[string]func([]byte) [][]byte{"at once": oneWrite, "byte by byte": byteByByte} {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel()
				p := dial(t, s.addr)
				all := bytes.Join(tt.send, nil)
				if len(all) > 1000 {
					p.send(all)
				} else {
					p.send(cut(all)...)
				}
				for _, w := range tt.want {
					p.wantFrame(w.first, w.payload)
				}
				code := tt.code
				if code == 0 {
					p.send(clientCloseFrame(1000, ""))
					code = 1000
				}
				p.wantClose(code)
			})
		}
	}
}

func oneWrite(b []byte) [][]byte { return [][]byte{b} }

func byteByByte(b []byte) [][]byte {
	var all [][]byte
	for i := range b {
		all = append(all, b[i:i+1])
	}
	return all
}

func repeat[T any](n int, v T) []T {
	var all []T
	for range n {
		all = append(all, v)
	}
	return all
}

func bytesTimes(n int, b []byte) [][]byte { return repeat(n, b) }

// Not at the end of the frame or message (section 8.1).
func TestInvalidTextFailsAtFirstByte(t *testing.T) {
	t.Parallel()
	s := startServer(t, &websocket.Upgrader{}, newEcho(nil))
	for _, begin := range []string{"abc\xf4\x90", "\xc0", "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90", "\xed\xa0", "\xf8"} {
		whole := clientFrame(0x81, []byte(begin+strings.Repeat("x", 100)))
		p := dial(t, s.addr)
		p.send(whole[:6+len(begin)]) // the rest is not sent
		p.wantClose(websocket.InvalidPayload)
	}
}
