// Package redislink keeps a process connected to Redis for publishing and
// subscribing.
//
// A Link holds two connections: one receives messages, one sends commands, so
// publications keep their order and PUBSUB NUMSUB counts the process once per
// channel. Any fault closes both. Run then reconnects with exponential backoff
// and restores the subscriptions.
//
// On a Redis Cluster a Link consists of one such pair of connections for each node
// that owns slots. It is connected when all of them are.
//
// Redis pub/sub delivers at most once, and so does a Link: a publication whose
// outcome is unknown is not sent again.
//
// All methods may be called concurrently, before, during and after Run. None of
// them waits for Redis unless it takes a context.
package redislink
