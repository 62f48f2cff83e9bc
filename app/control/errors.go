package control

import "errors"

var (
	// ErrInUse says that a live process holds the control socket.
	ErrInUse = errors.New("control socket in use")
	// ErrNotRunning says that there is no socket, or nobody behind it.
	ErrNotRunning = errors.New("not running")
)
