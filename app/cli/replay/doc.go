// Package replay posts recorded telemetry to a server, through the same
// POST /api/v1/telemetry that machines use: at the recorded pace, at a multiple
// of it, or as fast as the server accepts it.
//
// A recording is a CSV file: the timestamp first, then one column per metric.
// The separator (comma, semicolon or tab), the header and the time format are
// detected; times without a zone are UTC. A column whose first value is not a number
// has texts. Or it is an NDJSON file with telemetry and events, each as the server
// takes them. Files are streamed, so memory does not
// grow with their size.
//
// Order matters, because the last write of a reading wins. All files of one
// machine are therefore posted in sequence, one request at a time; different
// machines are posted concurrently. A request that fails temporarily is retried
// unchanged before newer readings are sent. This is safe, because posting a
// reading twice has the same result as posting it once.
//
// The package is a client. It depends only on the server's HTTP interface. Run
// may be called concurrently.
package replay
