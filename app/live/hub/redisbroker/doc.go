// Package redisbroker is the hub.Broker over Redis's publish and subscribe.
//
// A room is a channel, subscribed by the processes that have members in it. A
// process learns what the others want from a channel of its own for that, and
// by asking Redis from time to time which channels are subscribed: that also
// finds out about processes that ended without a word.
//
// Nothing is stored in Redis. Any fault ends the session with it; the next one
// begins after a pause that grows, with jitter.
package redisbroker
