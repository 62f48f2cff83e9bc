package redisadapter

import (
	"errors"

	"smart-factory-backend/app/socketio/redislink"
)

// errMalformed is wrapped by all that says what a peer published is not to be
// understood. Such a message is dropped and counted, nothing more.
var errMalformed = errors.New("malformed message")

// ErrRunning is returned by Run to all callers but the first.
var ErrRunning = redislink.ErrRunning
