package main

import (
	"bytes"
	"strconv"
)

// dialect is what a client says over its WebSocket to be understood.
type protocol struct {
	path string
	// greet is what a client sends first; "" where it may begin at once.
	greeting string
	// hear takes a message without a tag. It returns what is to be answered,
	// and whether the client has now all that it needs to begin.
	receive func(text []byte) (reply string, ready bool)
	// echo appends a message that comes back to its sender alone, and publish
	// one that reaches all members of the room.
	echo, publish func(dst []byte, id uint64) []byte
}

// plain is a WebSocket on which every message is the note itself: at /echo it
// comes back, at /publish it reaches all that are at /room.
func rawWebSocket(path string) protocol {
	d := protocol{path: path, echo: appendPayload, publish: appendPayload}
	if path == "/room" {
		d.receive = func(text []byte) (string, bool) { return "", string(text) == "joined" }
	}
	return d
}

// socketIO is Socket.IO 5 on Engine.IO 4, over a WebSocket from the start.
func socketIO(query string) protocol {
	return protocol{
		path: "/socket.io/?EIO=4&transport=websocket" + query,
		receive: func(text []byte) (string, bool) {
			switch {
			case bytes.HasPrefix(text, []byte("0")):
				return "40", false // the session is open: connect to the main namespace
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

// centrifugeJSON is the JSON form of centrifuge's protocol, in which a message
// may hold several commands or replies, one a line. A member subscribes to the
// room.
func centrifugeJSON(member bool) protocol {
	d := protocol{path: "/connection/websocket", greeting: `{"id":1,"connect":{}}`}
	last := []byte(`"id":1,`)
	if member {
		d.greeting += "\n" + `{"id":2,"subscribe":{"channel":"bench"}}`
		last = []byte(`"id":2,`)
	}
	d.receive = func(text []byte) (string, bool) {
		if bytes.Equal(text, []byte("{}")) {
			return "{}", false // the heartbeat
		}
		return "", bytes.Contains(text, last)
	}
	command := func(dst []byte, id uint64, before string) []byte {
		dst = append(dst, `{"id":`...)
		dst = strconv.AppendUint(dst, id+3, 10)
		dst = append(dst, before...)
		return append(appendPayload(dst, id), `"}}`...)
	}
	d.echo = func(dst []byte, id uint64) []byte { return command(dst, id, `,"rpc":{"method":"echo","data":"`) }
	d.publish = func(dst []byte, id uint64) []byte { return command(dst, id, `,"publish":{"channel":"bench","data":"`) }
	return d
}
