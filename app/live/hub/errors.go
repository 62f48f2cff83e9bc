package hub

import "errors"

// ErrRunning is returned by a second Run.
var ErrRunning = errors.New("hub: it runs already, or has ended")
