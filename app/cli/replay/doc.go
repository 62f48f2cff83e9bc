// Package replay posts recorded telemetry to a server, over the same
// POST /api/v1/telemetry that machines use: at the pace at which it was
// recorded, at a multiple of that, or as fast as the server takes it.
//
// A recording is a CSV file whose first column is the time and whose other
// columns are one metric each. Its separator (comma, semicolon or tab), its
// header and the form of its times are recognised; times without a zone are
// UTC. Files are streamed: memory does not grow with their size.
//
// Order matters to the server, where the last write of a reading wins. All
// files of one machine therefore form one ordered stream with one request in
// flight; different machines run side by side. A request that fails for a
// passing reason is repeated unchanged before anything newer is sent, which is
// safe because posting a reading twice is the same as posting it once.
//
// The package is a client: it knows the server's HTTP interface and nothing of
// its inside. Run may be called concurrently.
package replay
