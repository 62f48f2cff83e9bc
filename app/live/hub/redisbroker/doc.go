// Package redisbroker implements hub.Broker over Redis pub/sub.
//
// A room is a Redis channel. A process subscribes to the channels of the rooms
// that have members in it. It announces each new subscription on a shared
// channel, and polls PUBSUB CHANNELS to detect subscriptions that ended, also
// those of processes that crashed.
//
// Nothing is stored in Redis. After any fault package redislink reconnects with
// backoff.
package redisbroker
