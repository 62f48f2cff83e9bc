package redisadapter

import (
	"errors"

	"smart-factory-backend/app/socketio/redislink"
)

// errMalformed is wrapped by every error about a message that cannot be decoded.
// Such a message is dropped and counted.
var errMalformed = errors.New("malformed message")

// errUnsupported means that the sharded format has no such message.
var errUnsupported = errors.New("redis adapter: not part of the sharded format")

// ErrRunning is returned by every call of Run but the first.
var ErrRunning = redislink.ErrRunning
