package hub

import "errors"

// ErrRunning is returned by every call of Broker.Run but the first.
var ErrRunning = errors.New("hub: Run was called before")
