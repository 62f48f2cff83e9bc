package redislink

import "errors"

var (
	// ErrRunning is returned by every call of Run but the first.
	ErrRunning = errors.New("redis: Run was called before")
	// ErrDisconnected means that there is no connection to Redis.
	ErrDisconnected = errors.New("redis: not connected")
)

// errURL replaces the error of the URL parser, which may quote the password.
var errURL = errors.New("redis: invalid URL")
