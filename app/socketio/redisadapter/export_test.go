package redisadapter

import "maps"

// Malformed are the messages that no server may be harmed by.
func Malformed() map[string][]byte {
	list := invalidBroadcasts()
	maps.Copy(list, malformedMessages())
	return list
}
