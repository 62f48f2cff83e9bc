package main

import (
	"bytes"
	"strconv"
)

// protocol is what a client speaks on its WebSocket.
type protocol struct {
	path string
	// greeting is the client's first message; "" sends none.
	greeting string
	// receive handles a message without a tag. It returns the reply, if any, and
	// whether the client is ready to send. nil means ready after the handshake.
	receive func(text []byte) (reply string, ready bool)
	// echo appends a message that the server sends back to the sender only, and
	// publish one that it sends to all members of the room.
	echo, publish func(dst []byte, id uint64) []byte
}

// rawWebSocket is a WebSocket whose messages are only the payload. The server
// echoes them on /echo, and sends those of /publish to all clients of /room.
func rawWebSocket(path string) protocol {
	p := protocol{path: path, echo: appendPayload, publish: appendPayload}
	if path == "/room" {
		p.receive = func(text []byte) (string, bool) { return "", string(text) == "joined" }
	}
	return p
}

// socketIO is Socket.IO protocol 5 on Engine.IO protocol 4, with a WebSocket from
// the start.
func socketIO(query string) protocol {
	return protocol{
		path: "/socket.io/?EIO=4&transport=websocket" + query,
		receive: func(text []byte) (string, bool) {
			switch {
			case bytes.HasPrefix(text, []byte("0")):
				return "40", false // session opened: connect to the main namespace
			case bytes.HasPrefix(text, []byte("2")):
				return "3", false
			}
			return "", bytes.HasPrefix(text, []byte("40"))
		},
		echo: func(dst []byte, id uint64) []byte {
			return append(appendPayload(append(dst, `42["echo","`...), id), `"]`...)
		},
		publish: func(dst []byte, id uint64) []byte {
			return append(appendPayload(append(dst, `42["publish","`...), id), `"]`...)
		},
	}
}

// centrifugeJSON is centrifuge's JSON protocol. A message contains commands or
// replies, one per line. A subscriber subscribes to the room.
func centrifugeJSON(subscriber bool) protocol {
	p := protocol{path: "/connection/websocket", greeting: `{"id":1,"connect":{}}`}
	lastReply := []byte(`"id":1,`)
	if subscriber {
		p.greeting += "\n" + `{"id":2,"subscribe":{"channel":"bench"}}`
		lastReply = []byte(`"id":2,`)
	}
	p.receive = func(text []byte) (string, bool) {
		if bytes.Equal(text, []byte("{}")) {
			return "{}", false // the heartbeat
		}
		return "", bytes.Contains(text, lastReply)
	}
	command := func(dst []byte, id uint64, before string) []byte {
		dst = append(dst, `{"id":`...)
		dst = strconv.AppendUint(dst, id+3, 10)
		dst = append(dst, before...)
		return append(appendPayload(dst, id), `"}}`...)
	}
	p.echo = func(dst []byte, id uint64) []byte { return command(dst, id, `,"rpc":{"method":"echo","data":"`) }
	p.publish = func(dst []byte, id uint64) []byte { return command(dst, id, `,"publish":{"channel":"bench","data":"`) }
	return p
}
