// Package control implements the control socket: a Unix socket with mode 0600
// through which an operator reads the status of a running process, reloads it
// and changes its number of workers.
//
// The protocol is HTTP/1.1 with JSON bodies: GET /status, POST /reload and
// POST /scale?n=N. An error response has a status of 400 or above and an object
// with the member "error". Server and Client are safe for concurrent use. A
// Backend implements the operations.
package control
