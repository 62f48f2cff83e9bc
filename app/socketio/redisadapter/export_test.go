package redisadapter

import "maps"

// Malformed returns messages that a server must drop.
func Malformed() map[string][]byte {
	list := invalidBroadcasts()
	maps.Copy(list, malformedMessages())
	return list
}
