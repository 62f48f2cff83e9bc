package redisadapter

import "strings"

// channels are the names that one namespace has on Redis.
type channels struct {
	broadcast       string // and what all rooms' channels begin with
	pattern         string // matches broadcast and all rooms' channels
	request         string
	response        string
	privateResponse string // responses to requests of ours
}

func channelsOf(key, nsp, uid string) channels {
	broadcast := key + "#" + nsp + "#"
	response := key + "-response#" + nsp + "#"
	return channels{
		broadcast:       broadcast,
		pattern:         globEscape(broadcast) + "*",
		request:         key + "-request#" + nsp + "#",
		response:        response,
		privateResponse: response + uid + "#",
	}
}

// globEscape makes a pattern that matches s alone.
func globEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(s)
}

// ofRoom returns the channel of a broadcast to the given rooms.
func (c channels) broadcastTo(rooms []string) string {
	if len(rooms) == 1 {
		return c.broadcast + rooms[0] + "#"
	}
	return c.broadcast
}

// room returns the room of a channel that pattern has matched, "" for the
// channel without one. A room may contain anything, "#" too.
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
