// Package jsonscan reads JSON (RFC 8259) from left to right, without building a
// tree of values. Unlike a general parser it reports repeated keys, returns
// numbers as they are spelled, and knows the place of each fault. It does not
// recurse, and it allocates only for strings with escapes.
//
// A Scanner belongs to one goroutine and does not change its input.
package jsonscan
