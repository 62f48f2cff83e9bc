// Package ingest turns the bytes that machines and gateways send into readings.
// The sub-packages each decode one format into a Batch: jsonpoints (our own JSON
// and NDJSON), lineprotocol (InfluxDB) and thingsboard. This package holds what
// they share: the batch, its errors, and the parsing of timestamps.
//
// It knows no transport. A decoder returns an *Error when it refuses a whole
// body, and records the points that it rejects in the batch. The caller stores
// the readings and turns an error's Kind into the answer of its transport.
//
// A Batch belongs to one goroutine at a time. Everything else has no state.
package ingest
