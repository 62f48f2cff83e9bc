// Package server is the composition root: New wires the parts of the product
// together, Run serves until its context ends and takes everything down in
// reverse order. Every goroutine that is not a request's is started in Run and
// awaited there.
package server
