package redisadapter

import "testing"

func TestChannelsOf(t *testing.T) {
	t.Parallel()
	c := channelsOf("socket.io", "/chat", "abcdef")
	want := channels{
		broadcast: "socket.io#/chat#", pattern: "socket.io#/chat#*", request: "socket.io-request#/chat#",
		response: "socket.io-response#/chat#", privateResponse: "socket.io-response#/chat#abcdef#",
	}
	if c != want {
		t.Errorf("channelsOf = %+v, want %+v", c, want)
	}
	if got, want := channelsOf(`a*[b]?\`, "/", "").pattern, `a\*\[b\]\?\\#/#*`; got != want {
		t.Errorf("the pattern of a key with special characters = %s, want %s", got, want)
	}
}

func TestRoomOf(t *testing.T) {
	t.Parallel()
	c := channelsOf("p", "/a", "u")
	for _, tt := range []struct {
		channel, room string
		ok            bool
	}{
		{"p#/a#", "", true},
		{"p#/a#room#", "room", true},
		{"p#/a#a#b*? é#", "a#b*? é", true},
		{"p#/a#x", "", false},
		{"p#/ab#x#", "", false},
		{"p#/#", "", false},
		{"", "", false},
	} {
		room, ok := c.roomOf(tt.channel)
		if ok != tt.ok || ok && room != tt.room {
			t.Errorf("roomOf(%q) = %q, %v, want %q, %v", tt.channel, room, ok, tt.room, tt.ok)
		}
	}
	for _, rooms := range [][]string{nil, {"a", "b"}} {
		if got := c.broadcastTo(rooms); got != "p#/a#" {
			t.Errorf("broadcastTo(%q) = %s, want the namespace's channel", rooms, got)
		}
	}
	if got := c.broadcastTo([]string{"x#y"}); got != "p#/a#x#y#" {
		t.Errorf("broadcastTo(x#y) = %s", got)
	}
}
