// Package jsonpoints decodes our own JSON telemetry: an object such as
//
//	{"machine":"press-4","ts":1700000000000,"values":{"temperature":71.5}}
//
// an array of them, or one per line (NDJSON). Members come in any order. Without
// "ts" the receiver's clock counts; "ts" is a number of Unix milliseconds or an
// ISO 8601 string. Values are numbers, texts, and true (1) or false (0).
//
// A rejected point does not affect the others. A body that is not JSON, or that
// holds too many points, is rejected as a whole; in NDJSON a malformed line is
// one rejected point.
package jsonpoints
