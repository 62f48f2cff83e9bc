package redisadapter

import (
	"strings"

	"smart-factory-backend/app/socketio/redislink"
)

// channels are the Redis channels of one namespace.
type channels struct {
	broadcast       string // also the prefix of the channels of all rooms
	pattern         string // matches broadcast and the channels of all rooms
	request         string
	response        string
	privateResponse string // responses to this adapter alone
}

func channelsOf(key, nsp, uid string) channels {
	broadcast := key + "#" + nsp + "#"
	response := key + "-response#" + nsp + "#"
	return channels{
		broadcast:       broadcast,
		pattern:         redislink.EscapePattern(broadcast) + "*",
		request:         key + "-request#" + nsp + "#",
		response:        response,
		privateResponse: response + uid + "#",
	}
}

// broadcastTo returns the channel for broadcasts to rooms.
func (c channels) broadcastTo(rooms []string) string {
	if len(rooms) == 1 {
		return c.broadcast + rooms[0] + "#"
	}
	return c.broadcast
}

// roomOf returns the room of a channel that pattern matches, "" for the channel
// without one. A room may contain any character, also "#".
func (c channels) roomOf(channel string) (room string, ok bool) {
	rest, ok := strings.CutPrefix(channel, c.broadcast)
	if !ok {
		return "", false
	}
	if rest == "" {
		return "", true
	}
	return strings.CutSuffix(rest, "#")
}
