// Package control is the control socket: a Unix socket of mode 0600 over
// which an operator asks a running process for its status and tells it to
// reload or to scale.
//
// It speaks HTTP/1.1 and JSON: GET /status, POST /reload, POST /scale?n=N. An
// error is an object with the member "error" and a status of 400 or above.
// Server and Client are safe for concurrent use. What status means and what
// the commands do is up to the Backend.
package control
