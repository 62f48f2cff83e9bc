package redisadapter

import "errors"

// errMalformed is wrapped by all that says what a peer published is not to be
// understood. Such a message is dropped and counted, nothing more.
var errMalformed = errors.New("malformed message")
