package control

import "errors"

var (
	// ErrInUse means that a running process listens on the control socket.
	ErrInUse = errors.New("control socket in use")
	// ErrNotRunning means that no process listens on the control socket.
	ErrNotRunning = errors.New("not running")
)
