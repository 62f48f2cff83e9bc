//go:build integration && !race

package interop_test

// raceFlags are the build flags of the servers, which use the race detector if the tests
// do.
var raceFlags []string
