package control

import "errors"

var (
	// ErrInUse: a live process holds the control socket.
	ErrInUse = errors.New("control socket in use")
	// ErrNotRunning: there is no socket, or nobody behind it.
	ErrNotRunning = errors.New("not running")
)
